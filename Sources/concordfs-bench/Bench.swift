import ArgumentParser

/// A tool for measurements and tests of the mount; not part of the product.
@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "concordfs-bench", abstract: "Fills stores with rendered contacts, for measurements and tests of the mount.",
    subcommands: [Fill.self, Churn.self])
}
