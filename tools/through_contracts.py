"""An import contract: stages are imported by each other only through their `contracts`."""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class ThroughContracts(Contract):
    """No module of one stage imports a module of another, but for that other's `contracts`."""

    stages = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        stages: list[str] = self.stages  # type: ignore[assignment]  # fields turn into values when the contract is made
        breaches: list[dict[str, object]] = []
        for stage in stages:
            for importer in {stage, *graph.find_descendants(stage)}:
                for imported in graph.find_modules_directly_imported_by(importer):
                    owner = next((s for s in stages if imported == s or imported.startswith(f"{s}.")), stage)
                    if owner != stage and imported != f"{owner}.contracts":
                        details = graph.get_import_details(importer=importer, imported=imported)
                        line = details[0]["line_number"] if details else 0
                        breaches.append({"importer": importer, "imported": imported, "line": line})
        return ContractCheck(kept=not breaches, metadata={"breaches": breaches})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for breach in check.metadata["breaches"]:
            output.print_error(f"{breach['importer']} (line {breach['line']}) imports {breach['imported']}")
            output.indent_cursor()
            output.print_error("import from its contracts, or join the two in lingque.flow")
