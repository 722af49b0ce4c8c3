"""Audits: whole collections examined with one model, resumable at any moment."""
