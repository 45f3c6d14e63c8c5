import Foundation
import Glibc
import SQLiteEventLog

/// `trunkline backup` and `trunkline restore`: a data folder as one file, and back.
package enum Safekeeping {
  /// What lies beside the log and cannot be made anew from it.
  private static let beside = ["account", "dev-clock", "poison-deaths", "trunkline.conf"]

  /// Answers the size of the backup in bytes.
  package static func backUp(folder: String, to file: String, replacing: Bool) throws -> Int64 {
    var kept: [KeptFile] = []
    for name in beside {
      let path = folder + "/" + name
      guard FileManager.default.fileExists(atPath: path) else { continue }
      guard let content = FileManager.default.contents(atPath: path) else {
        throw NodeFailure("\(path) cannot be read; check its permissions")
      }
      kept.append(KeptFile(name: name, content: Array(content)))
    }
    try LogBackup.write(folder: folder, to: file, beside: kept, replacing: replacing)
    var status = stat()
    return stat(file, &status) == 0 ? Int64(status.st_size) : 0
  }

  package static func restore(_ file: String, to folder: String) throws {
    guard FileManager.default.fileExists(atPath: file) else { throw LogBackupFailure.missing(file: file) }
    let lock = try FolderLock(folder: folder)
    defer { lock.release() }
    for file in try LogBackup.restore(file, to: folder) where beside.contains(file.name) {
      let path = folder + "/" + file.name
      guard FileManager.default.createFile(atPath: path, contents: Data(file.content), attributes: [.posixPermissions: 0o600]) else {
        throw NodeFailure("\(path) cannot be written; check permissions and free space")
      }
    }
  }
}
