"""The operator's page: what is, what happens, what happened, and what a person may do about it, as plain HTML.

Every page is whole without a script; a small one keeps an open page up to date. What a form does, the same functions do
that the API calls, so decisions, sentences and audit are the same.
"""
