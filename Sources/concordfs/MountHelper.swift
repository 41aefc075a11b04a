/// What mount(8) and fstab call: `concordfs SOURCE DIRECTORY -o OPTIONS`, by way of mount.fuse, for the type `fuse.concordfs`.
///
/// SOURCE is the path of the configuration; a word without a slash (`concordfs`, `none`) stands for the usual configuration.
enum MountHelper {
  /// The arguments of `concordfs mount` that are meant; nil where the command was not called in that form.
  static func arguments(_ given: [String], subcommands: Set<String>) -> [String]? {
    guard given.count >= 2, let source = given.first, !subcommands.contains(source), !source.hasPrefix("-"), given[1].hasPrefix("/") else {
      return nil
    }
    let options = Array(given.dropFirst(2))
    guard options.count.isMultiple(of: 2), stride(from: 0, to: options.count, by: 2).allSatisfy({ options[$0] == "-o" }) else { return nil }
    return ["mount"] + (source.contains("/") ? ["-c", source] : []) + options + [given[1]]
  }
}
