import Options
import Trunkline

/// `trunkline backup` and `trunkline restore`.
enum SafekeepingCommand {
  static let specs = [
    CommandSpec(
      "backup", help: "Copy a data folder into one file, also while its server runs.",
      discussion: """
        Everything of one instant: work, accounts, settings of the folder. Mode 0600: tokens are in it.
          trunkline backup /mnt/backup/trunkline-monday.sqlite --data-dir /var/lib/trunkline
        Bring it back with: trunkline restore FILE --data-dir NEW
        """,
      options: [folder, OptionSpec("force", help: "Replace FILE if it exists", isFlag: true, isConfiguration: false)],
      positionals: [PositionalSpec("FILE", help: "Where the copy goes; not into the data folder", isRequired: true)]),
    CommandSpec(
      "restore", help: "Make a data folder from a backup.",
      discussion: """
        The folder must not have a log yet; then serve it:
          trunkline restore /mnt/backup/trunkline-monday.sqlite --data-dir ./restored
          trunkline serve --data-dir ./restored
        """,
      options: [folder], positionals: [PositionalSpec("FILE", help: "What `trunkline backup` made", isRequired: true)]),
  ]

  private static let folder = OptionSpec("data-dir", help: "The data folder", placeholder: "DIR", default: "./trunkline-data")

  static func run(_ what: String, _ options: Options) throws {
    let folder = try options.value("data-dir", .text)
    let file = options.positional("FILE") ?? ""
    if what == "backup" {
      let bytes = try Safekeeping.backUp(folder: folder, to: file, replacing: try options.flag("force"))
      print("\(folder) is kept in \(file), \(bytes) bytes; bring it back with: trunkline restore \(file) --data-dir NEW")
    } else {
      try Safekeeping.restore(file, to: folder)
      print("\(folder) is what \(file) kept; serve it with: trunkline serve --data-dir \(folder)")
    }
  }
}
