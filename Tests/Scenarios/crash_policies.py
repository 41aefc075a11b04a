"""What administrators do before a cycle that is killed: other policies, a lost cache, a first run."""

import crash_cases
import crash_meanwhile  # noqa: F401 (its cases)
import kinds
from concord import check
from crash_cases import Case


class CategoryChanged(Case):
    """A changed policy: what came from the ERP is marked anew, what is the mailbox's own is not."""

    shares_world = False
    count = 4

    def furnish(self):
        for number in range(self.count):
            (self.erp if number % 2 else self.box).create(f"Standing {number}")

    def reload(self, old, new):
        self.world.edit((old, new))
        assert self.world.daemon.control("ctl", "reload\n") == 0

    @property
    def policy(self):
        return self.world.config.read_text()

    def act(self, number):
        old = "blue" if "color: blue" in self.policy else "green"
        new = "green" if old == "blue" else "blue"
        name = {"blue": "ERP", "green": "CRM"}
        self.reload(f"category: {{name: {name[old]}, color: {old}}}", f"category: {{name: {name[new]}, color: {new}}}")
        self.category = name[new]

    def after(self, number):
        found = {item.surname: item.categories for item in self.box.items()}
        assert found == {f"Standing {number}": [self.category] if number % 2 else None for number in range(self.count)}


class FolderMoved(CategoryChanged):
    """The policy names another folder: the linked items move there."""

    place = "C"

    def act(self, number):
        self.reload(f"folder: {self.place},", f"folder: Place {number},")
        self.place = f"Place {number}"
        self.world.folders["alice", "contacts"] = self.place

    def after(self, number):
        assert len(self.box.items()) == self.count


class SwitchedOffAndOn(CategoryChanged):
    """A type is taken out of the policy, a record changes, and the type comes back."""

    def act(self, number):
        self.reload(self.sections["contacts"], "tasks: {folder: T}")
        self.world.daemon.sync()
        self.erp.change("Standing 1", f"text {number}")
        self.reload("tasks: {folder: T}", self.sections["contacts"])

    def after(self, number):
        assert self.box.texts("Standing 1") == self.erp.texts("Standing 1") == [f"text {number}"]


class Rebuilt(Case):
    """The cache is lost, and the cycle that finds everything again is killed."""

    shares_world = False
    sections = {"contacts": "contacts: {folder: C, filter: owner}\n    tasks: {folder: T}\n    events: {direction: both}"}

    def furnish(self):
        for kind in kinds.KINDS:
            erp, box = kinds.sides(self.world, kind, "alice")
            for number in range(2):
                erp.create(f"ours {number}")
            if kind != "events":
                box.create("theirs")

    def act(self, number):
        self.world.daemon.close()
        for path in self.world.directory.glob("cache.db*"):
            path.unlink()
        self.start()

    def check(self):
        for kind in kinds.KINDS:
            check(self.world, "alice", kind)


class FirstSync(Rebuilt):
    """Nothing was ever synchronized: a new policy's folders, a new cache, records without a mark."""

    def furnish(self):
        for kind in kinds.KINDS:
            for number in range(3):
                kinds.sides(self.world, kind, "alice")[0].create(f"ours {number}")
        item = kinds.KINDS["events"].item(self.world.account("alice"), self.world.account("alice").calendar, "theirs", "first")
        item.categories = ["ERP"]
        item.save()

    def act(self, number):
        self.start()


def every():
    """All cases, of users and of administrators."""
    def leaves(case):
        return [case, *(leaf for child in case.__subclasses__() for leaf in leaves(child))]

    return [case for case in leaves(Case) if case not in (Case, crash_cases.Changed, crash_cases.Event)]
