"""Disclosure control: which counts may be shown to people who must not see small numbers.

The primary rule (counts under eight are not shown, the rest is rounded to five) does not hold by itself: a
small count comes back by subtraction between areas, levels, spans and successive days. What holds it:

1. One set of numbers. A release is counted once, from the line list as known at a stated moment, stored and
   never changed: no number exists in two versions. Viewers, partners, operators and exports see releases
   only. Any span, sum or rate that they are shown is computed from published values alone, with its bounds,
   so it holds nothing that the published values do not hold. A period may be published again only by a person
   who decides so; the service never does.
2. Few partitions, each of the same cases. Per use case, scope and one place of counting: periods (weeks or
   months) that do not overlap; and for a whole block of periods one nested chain of area levels, sexes, and
   age bands. No crossing of two of them (area by month, area by sex) is published, no second geography that
   cuts across the first, no second place, and no scope that shares areas with another.
3. Zero is small. `Fewer than 8` covers 0-7, so that it does not tell whether there was anybody at all.
4. All or nothing. A table of a block (one level, the sexes, the age bands) is published only where every cell
   of it has eight or more; else the whole table is withheld, and with it every finer level. So no small cell
   ever stands beside published ones from which it could be subtracted.
5. Room for small periods. All tables of a block sum to the same total, so a total that the tables pin down
   could pin a small period. A table is withheld where it would leave a small period less than 0-7. Nobody can
   tell that from rule 4; a table of one cell, of which one could, is never published.

Who is attacking: somebody who knows this text, the code, the configuration, the populations and every release
ever made, which tables were withheld and why that can be, and has any computing power; but no single record.
(Who knows all cases but one knows that one from any rounding.)

What holds against them, for any set of views, levels and days, and is proved by construction below:

- A count under eight of a period, of an area at any level over a block, of a sex or of an age band can be
  every number from 0 to 7: for each there are cases that lead to exactly the same releases.
  Areas, sexes, age bands: move cases within the smallest published cell around it; no other table changes,
  since each partition forgets the attributes of the others. Periods: rule 5 leaves totals for each value;
  the tables that were withheld stay withheld when all their cases stand in one cell.
- A count that is never offered (an area in a month, a sex in an area) has at least eight possible values
  beside its own, for the tables around it have eight or more on each side (Fréchet's bounds).

What is not promised: use cases are separate questions. Where the cases of one are part of another's, the
difference of two published numbers bounds the rest to within their rounding. Scopes that share areas are
known by their area file; two files that describe one country are not compared.

Sources: statistical disclosure control in the sense of Hundepool et al. (2012), Statistical Disclosure
Control, chapter 4 (tables, differencing, complementary suppression); Kenthapadi, Mishra and Nissim (2005),
Simulatable auditing, PODS (a refusal tells something too); NHS Digital's analysis guide for Hospital Episode
Statistics (1-7 suppressed, others to the nearest 5).
"""
