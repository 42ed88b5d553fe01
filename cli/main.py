"""The command ``ringklar``."""

import click

from cli import (
    access,
    arrivals,
    assessments,
    campaigns,
    checks,
    demo,
    exports,
    jobs,
    leads,
    ledger,
    mappings,
    opt_outs,
    oversight,
    receipts,
    registers,
    sellers,
    serve,
    suppliers,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ringklar", message="ringklar %(version)s")
def main() -> None:
    """May this number be called now, on what ground, and what must the caller say?

    Settings are RINGKLAR_* variables; see docs/configuration.md. Exit codes: 0 ok, 1 a finding, 2 wrong usage.
    """


for command in (
    serve.migrate,
    serve.serve,
    jobs.jobs,
    demo.demo,
    sellers.seller,
    campaigns.campaign,
    suppliers.supplier,
    suppliers.source,
    assessments.assessment,
    mappings.mapping,
    access.key,
    access.user,
    registers.register,
    leads.leads,
    exports.recipient,
    exports.canaries,
    opt_outs.optout,
    oversight.complaint,
    oversight.oversight,
    checks.check,
    checks.screen,
    checks.number,
    ledger.ledger,
    ledger.replay,
):
    main.add_command(command)
for under_leads in (arrivals.arrival, exports.export):
    leads.leads.add_command(under_leads)
for command in (receipts.receipt, receipts.proof):
    leads.leads.add_command(command)
