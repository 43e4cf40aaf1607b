"""``python -m deploy.reference`` writes every page."""

from deploy.reference.pages import FOLDER, pages

for name, text in pages().items():
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / name).write_text(text)
    print(f"docs/reference/{name}")
