"""The app: demos.suite is all of it, `python -m demos.style` one tab. Importing this loads nothing."""

import os

PORT = os.environ.pop("GRADIO_SERVER_PORT", "")  # Gradio would fall over a wrong one as it is imported
WEBCAM = os.environ.get("SEMBLANCE_WEBCAM", "1") != "0"  # whether pictures may come from the visitor's camera
