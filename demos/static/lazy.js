// a board is asked for when it comes into view: nobody waits for one that is not looked at
const seen = new IntersectionObserver((entries) => {
    if (!props.value && entries.some((entry) => entry.isIntersecting)) trigger('wish');
});
function askAgain(canvas) {  // told anew whether it is in view
    seen.unobserve(canvas);
    seen.observe(canvas);
}
