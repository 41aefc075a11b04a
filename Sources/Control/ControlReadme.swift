/// The README of the control directory.
enum ControlReadme {
  static let text = """
    Control files of concordfs.

    sync      write a line to synchronize, read it to see the requests of late and how they went
                all                              every employee whose synchronization is on
                alice@example.test               one employee, all record types of the policy
                alice@example.test contacts      one record type
                alice@example.test full          forget the cursors, compare everything
                ... wait                         any of these: the write returns when the cycle has ended
              echo 'all wait' > sync
    ctl       reload | pause [EMPLOYEE|all] | resume [EMPLOYEE|all] | approve HOLD | discard HOLD | log-level LEVEL
              | restore ENTRY, undo RUN PLAN (of 'concordfs journal') | takeover EMPLOYEE|all (from an installation that is gone)
              echo reload > ctl
    status    employees, policies, last and next cycles, errors; status.json: the same for programs
    log       the synchronization log: tail -f log
    metrics   Prometheus text
    config.yaml, policies/    the configuration in force, secrets hidden
    holds/    cycles that a guard stopped: one file each, with the plan and the reason
    errors    records set aside or tried again: employee, type, since, tries, reason

    A line that is not understood fails the write with EINVAL, an unknown employee or hold with ENOENT, a missing right with EACCES,
    a cycle that failed (with wait) with EIO. Nothing of a write runs unless all of it is understood. The reason of the last refusal is
    the first line of the file. Every employee's folder has a .control of its own, where the address can be left out.

    """
}
