"""The nouns: frozen records without input or output. The words are those of docs/glossary.md."""
