"""The proximity rule by a search through all pairs of cases, for tests to compare with."""

import numpy as np


def brute_force(study, rule):
    """Cores' components with the border cases of their nearest core, alive ones only."""
    where = study.locations.coordinates[study.location]
    km = np.sqrt(((where[:, None] - where[None]) ** 2).sum(axis=2))
    gap = np.abs(study.day[:, None] - study.day[None])
    near = (km <= rule.radius_km + 1e-12) & (gap <= rule.window_days)
    core = near.sum(axis=1) >= rule.min_cases
    cluster = {int(one): {int(one)} for one in np.flatnonzero(core)}
    for one in list(cluster):
        for other in list(cluster):
            if near[one, other] and cluster[one] is not cluster[other]:
                cluster[one] |= cluster[other]
                for moved in cluster[one]:
                    cluster[moved] = cluster[one]
    groups = {id(members): set(members) for members in cluster.values()}
    for case in np.flatnonzero(~core):
        cores = [int(one) for one in np.flatnonzero(core & near[case])]
        if cores:
            nearest = min(cores, key=lambda one: (km[case, one], gap[case, one], study.ids[one]))
            groups[id(cluster[nearest])].add(int(case))
    last = study.days - 1
    return [group for group in groups.values() if max(study.day[list(group)]) >= last - rule.window_days]


def union_of_balls(study, rule, group, weight):
    """The sum of the weights of all area-days in the ball of any member."""
    places = study.locations.coordinates
    return sum(
        weight(area, day)
        for area in range(len(places))
        for day in range(study.days)
        if any(
            np.sqrt(((places[area] - places[study.location[one]]) ** 2).sum()) <= rule.radius_km + 1e-12
            and abs(day - study.day[one]) <= rule.window_days
            for one in group
        )
    )


def expected(study, rule, group):
    """What is expected in the union of a cluster's balls, all of it covered and reported alike."""
    people, days = study.locations.population, study.days
    if people is not None and people.sum() > 0:
        inside = union_of_balls(study, rule, group, lambda z, _: people[z])
        return len(study.ids) * inside / (people.sum() * days)
    at = np.bincount(study.location, minlength=len(study.locations.codes))
    on = np.bincount(study.day, minlength=days)
    return union_of_balls(study, rule, group, lambda z, d: at[z] * on[d]) / len(study.ids)
