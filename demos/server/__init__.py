"""Behind the page: the app's state, its background jobs, and what programs and machines ask."""
