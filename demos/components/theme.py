"""How the app looks: quiet colours, so that the pictures are loud. Nothing is loaded from elsewhere."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demos import static
from demos.i18n import language

BRAND = """<svg viewBox="0 0 32 32" aria-hidden="true">
<circle cx="12" cy="16" r="9"/><circle cx="20" cy="16" r="9"/></svg><h1>Semblance</h1>"""

ARIA = static.read("aria.js")
NO_HIDING = "<style>.tools [data-do=hide]{display:none!important}</style>"
REMEMBER = """() => {
    const wish = localStorage.getItem('semblance-dark');
    if (wish !== null) document.body.classList.toggle('dark', wish === '1');
}"""
TOGGLE = """() => {
    const dark = document.body.classList.toggle('dark');
    localStorage.setItem('semblance-dark', dark ? '1' : '0');
}"""
SWITCH = "() => speak(document.documentElement.lang === 'en' ? 'pt' : 'en')"


def look(page: gr.Blocks) -> dict[str, Any]:
    """What `launch` needs to know."""
    return {"theme": theme(), "css": static.read("theme.css"), "js": REMEMBER, "i18n": language.i18n(page)}


def theme() -> gr.themes.Base:
    """Greys with one accent; only fonts that the machine has."""
    sans = ("ui-sans-serif", "system-ui", "Segoe UI", "Roboto", "Helvetica", "Arial", "sans-serif")
    mono = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
    made = gr.themes.Base(
        primary_hue="teal", secondary_hue="teal", neutral_hue="stone", radius_size="lg", font=sans, font_mono=mono
    )
    return made.set(
        body_background_fill="#faf9f7",
        body_background_fill_dark="#161514",
        body_text_color="#292524",
        body_text_color_dark="#e7e5e4",
        body_text_color_subdued="#6f6963",
        body_text_color_subdued_dark="#a8a29e",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#1f1e1c",
        background_fill_secondary="#f3f1ee",
        background_fill_secondary_dark="#282624",
        border_color_primary="#e4e0db",
        border_color_primary_dark="#393633",
        block_background_fill="*background_fill_primary",
        block_background_fill_dark="*background_fill_primary",
        block_border_width="1px",
        block_shadow="none",
        block_label_text_color="*body_text_color_subdued",
        block_title_text_color="*body_text_color_subdued",
        block_title_text_weight="500",
        input_background_fill="*background_fill_primary",
        input_background_fill_dark="#191816",
        input_border_color="*border_color_primary",
        input_placeholder_color="*body_text_color_subdued",
        input_placeholder_color_dark="*body_text_color_subdued",
        input_border_width="1px",
        input_shadow="none",
        button_primary_background_fill="#1c6b62",
        button_primary_background_fill_dark="#257a6f",
        button_primary_background_fill_hover="#17574f",
        button_primary_background_fill_hover_dark="#1f6a60",
        button_primary_text_color="#ffffff",
        button_secondary_background_fill="*background_fill_secondary",
        button_secondary_background_fill_dark="*background_fill_secondary",
        button_secondary_border_color="*border_color_primary",
        button_secondary_text_color="*body_text_color",
        button_border_width="1px",
        slider_color="#1c6b62",
        slider_color_dark="#2b8c80",
        color_accent="#1c6b62",
        color_accent_soft="#e3efed",
        color_accent_soft_dark="#1d302d",
        border_color_accent="#1c6b62",
        stat_background_fill="#1c6b62",
        stat_background_fill_dark="#2b8c80",
        layout_gap="*spacing_lg",
    )
