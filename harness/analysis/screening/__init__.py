"""From many toggles to the few that explain a change, by turning sets of them back.

Pure: ``search.screen`` says which rounds it needs and is sent what they gave, measured just now or
read from a run.
"""
