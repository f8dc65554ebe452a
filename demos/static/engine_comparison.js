// asked for when it comes into view and is empty: nobody waits for what is not looked at
const seen = new IntersectionObserver((entries) => {
    if (!props.value && entries.some((entry) => entry.isIntersecting)) trigger('seen');
});
seen.observe(element);
watch('value', () => {
    seen.unobserve(element);
    seen.observe(element);
});
