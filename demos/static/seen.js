new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) trigger('seen');
}).observe(element);
