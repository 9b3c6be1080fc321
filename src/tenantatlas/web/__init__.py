"""The pages: server-rendered, usable without JavaScript, live where something is running."""
