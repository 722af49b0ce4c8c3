"""Verso: was this artwork made by a person or by a generator?"""
