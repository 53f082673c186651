"""The services of compose.yaml in containers, by podman, on a Debian machine that has no Docker engine: for tests.

Nothing is pulled from a container registry. The images that Dockerfile and compose.yaml name are stood in for by images
of Debian's own packages (`stand-ins/`): the same commands and variables, not the same builds. Everything podman keeps
is in /var/lib/throughline-images; what a run leaves there makes the next one quick, and it may be removed at any time.
"""
