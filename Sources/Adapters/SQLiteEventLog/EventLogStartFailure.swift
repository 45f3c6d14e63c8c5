/// Why the embedded log could not be opened. Every text names the file and says how to mend it; nothing is ever begun anew over a file that cannot be read.
package enum EventLogStartFailure: Error, Sendable, Equatable, CustomStringConvertible {
  case folderInUse(folder: String, holder: String)
  case folderUnusable(folder: String, reason: String)
  case notOurs(file: String)
  case newerSchema(file: String, found: Int, known: Int)
  case corrupt(file: String, reason: String)
  case unreadable(file: String, reason: String)
  case differentPartitions(file: String, topic: String, found: Int, asked: Int)

  package var description: String {
    switch self {
    case .folderInUse(let folder, let holder):
      "the data folder \(folder) is in use by \(holder); stop that process, or choose another folder"
    case .folderUnusable(let folder, let reason):
      "the data folder \(folder) cannot be used: \(reason); check that it exists, is writable, and that the disk is not full; `trunkline doctor` looks"
    case .notOurs(let file):
      "\(file) is not an event log of this product; move it away, or choose another data folder"
    case .newerSchema(let file, let found, let known):
      "\(file) was written by a later release (schema \(found), this release knows \(known)); run that release, or restore a backup of before the upgrade (`trunkline restore`)"
    case .corrupt(let file, let reason):
      """
      \(file) is damaged: \(reason). It was left as it is. Restore a backup into a new folder (`trunkline restore BACKUP --data-dir NEW`); without one, \
      `sqlite3 \(file) .recover` on a copy saves what can be read; `trunkline doctor` tells more
      """
    case .unreadable(let file, let reason):
      "\(file) cannot be opened: \(reason); check permissions, the disk and free space; `trunkline doctor` looks"
    case .differentPartitions(let file, let topic, let found, let asked):
      "topic \(topic) in \(file) has \(found) partitions and \(asked) were asked for; the number is fixed at creation: configure \(found)"
    }
  }
}
