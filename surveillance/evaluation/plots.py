"""Plots of a report, as PNG."""

from io import BytesIO

from surveillance.evaluation.report import FalseAlerts, Power, Report

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 8.0, 4.5, 110


def plots(report: Report, band: str) -> dict[str, bytes]:
    """File name -> PNG: false alerts a year by arm, and found and days by cell, all for one band."""
    made = {}
    if report.false_alerts:
        made["false-alerts.png"] = _false_alerts([f for f in report.false_alerts if f.band == band], band)
    if report.power:
        of_band = [p for p in report.power if p.band == band]
        made["sensitivity.png"] = _by_cell(of_band, "found", f"Injected clusters found ({band})", "share")
        made["days.png"] = _by_cell(of_band, "days", f"Median days to detection ({band})", "days")
    return made


def _false_alerts(rates: list[FalseAlerts], band: str) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
    axes = figure.add_subplot()
    for at, one in enumerate(rates):
        low, high = one.rate.low or 0.0, one.rate.high or 0.0
        axes.plot([low, high], [at, at], color="tab:blue", linewidth=2)
        axes.plot([one.rate.value or 0.0], [at], "o", color="tab:blue")
    axes.set_yticks(range(len(rates)), [one.arm for one in rates])
    axes.set_xlabel("false alerts a year, with 95 % interval")
    axes.set_title(f"No cluster in it: alerts that reached {band}")
    axes.axvline(1.0, color="grey", linestyle=":")
    axes.set_xlim(left=0)
    return _png(figure)


def _by_cell(powers: list[Power], what: str, title: str, unit: str) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
    axes = figure.add_subplot()
    cells = list(dict.fromkeys(power.cell for power in powers))
    arms = list(dict.fromkeys(power.arm for power in powers))
    for n, arm in enumerate(arms):
        for power in (p for p in powers if p.arm == arm):
            estimate = power.found if what == "found" else power.days
            if estimate.value is None:
                continue
            at = cells.index(power.cell) + (n - (len(arms) - 1) / 2) * 0.8 / max(len(arms), 1)
            axes.plot([at], [estimate.value], "o", color=f"C{n}")
            if estimate.low is not None and estimate.high is not None:
                axes.plot([at, at], [estimate.low, estimate.high], color=f"C{n}", linewidth=2)
    for n, arm in enumerate(arms):
        axes.plot([], [], "o", color=f"C{n}", label=arm)
    axes.set_xticks(range(len(cells)), cells, rotation=15)
    axes.set_ylabel(f"{unit}, with 95 % interval")
    axes.set_ylim(bottom=0)
    axes.set_title(title)
    axes.legend(fontsize="small")
    return _png(figure)


def _png(figure: object) -> bytes:
    kept = BytesIO()
    figure.savefig(kept, format="png", dpi=DOTS_PER_INCH)  # type: ignore[attr-defined]
    return kept.getvalue()
