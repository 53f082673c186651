"""The one library that every Throughline service shares."""

import warnings

# Connexion 3.3 imports Starlette's test client, which recommends another package than the one that Connexion needs.
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")
