"""What the engine has words for. English words are singular and lower-case, and their plurals are formed by rule.

Written by hand, name to entry with its words `en` and `zh`, and `plural`, its English plurals that no rule forms:

* `subjects.json`: what can be drawn. `art` is its picture, `own:bench` our own
  drawing, `own/bench.svg`. `rig` says how it moves. `metres` is its true height, `home` where it is when the prompt names no place,
  `medium` what it is in: on the `ground` unless it says `air`, `water`, `float` (on water) or `hung` (on a wall, in the
  sky). `held` is small enough for a hand, `worn` is clothing, `part` belongs to a body: of a prompt with a person the
  last two are no things of their own. `noun` are English words that mean it only after an article, a number or an
  adjective: a sink. `faces`, `body`, `coat` and `glow` are as in `scene.Subject`.
* `activities.json`: pictures of somebody doing something, with the same picture of a `man` and a `woman`.
* `verbs.json`: what a subject does, see `lexicon.Verb`. `places.json`: where; `hints` are things that are found there.
  `words.json`: all other words, by table: times, colours, relations, camera moves, parts of speech.
* `roles.json`: people: `who` it is, in which `outfit`, and the `activity` that shows best what they do.

Made by `scripts/make_words.py`: `kinds.json` and `kinds_zh.json` (other nouns to the subject that shows them, or to ""
where one can see it but has no picture), `people.json` (other words for somebody), and `stop_zh.json` (Chinese words that
hold a word of the tables without meaning it).
"""
