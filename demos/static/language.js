// called with the page's language and the texts of its scripts by id, before anything else runs
(({ tag, cookie, words }) => {
    // Gradio's own words are in the language that it finds here (svelte-i18n reads it)
    Object.defineProperty(navigator, 'language', { configurable: true, get: () => tag });
    // as `say` in demos/i18n/language.py
    window.say = (id, values = {}) => {
        const [one, many = one] = (words[id] ?? id).split('|');
        return (values.n === 1 ? one : many).replace(/{(\w+)[^}]*}/g, (_, name) =>
            typeof values[name] === 'number' ? values[name].toLocaleString(tag) : values[name]);
    };
    window.speak = (language) => {
        // in a frame of another site (a Space) only such a cookie is kept
        const framed = location.protocol === 'https:' ? '; SameSite=None; Secure; Partitioned' : '; SameSite=Lax';
        document.cookie = `${cookie}=${language}; path=/; max-age=31536000${framed}`;
        location.reload();
    };
})
