import Glibc

/// The data folder belongs to one process at a time. The kernel lets go of the lock when the process ends, however it ends.
package final class FolderLock: Sendable {
  package static let fileName = "trunkline.lock"

  private let descriptor: Int32

  /// Takes the folder, made if it is missing (mode 0700).
  /// Throws `.folderInUse`, naming the holder, when another process or another part of this one has it; `.folderUnusable` when it cannot be made or written.
  package init(folder: String) throws(EventLogStartFailure) {
    let path = folder + "/" + FolderLock.fileName
    if mkdir(folder, 0o700) != 0, errno != EEXIST { throw .folderUnusable(folder: folder, reason: FolderLock.reason()) }
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .folderUnusable(folder: folder, reason: "\(FolderLock.fileName): \(FolderLock.reason())") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let reason = errno == EWOULDBLOCK ? nil : FolderLock.reason()
      let holder = FolderLock.read(descriptor)
      close(descriptor)
      if let reason { throw .folderUnusable(folder: folder, reason: reason) }
      throw .folderInUse(folder: folder, holder: holder)
    }
    FolderLock.write("pid \(getpid()) on host \(FolderLock.host())\n", to: descriptor)
    self.descriptor = descriptor
  }

  deinit {
    release()
    close(descriptor)
  }

  /// Lets the folder go; doing it again does nothing. Said outright, because a child that was forked but has not yet become another program would keep the lock.
  /// The file stays: removing it would let two processes lock two files of one name.
  package func release() { flock(descriptor, LOCK_UN) }

  private static func reason() -> String { String(cString: strerror(errno)) }

  private static func host() -> String {
    var name = [UInt8](repeating: 0, count: 256)
    let done = name.withUnsafeMutableBytes { $0.baseAddress.map { gethostname($0, 255) } }
    return done == 0 ? String(decoding: name.prefix { $0 != 0 }, as: UTF8.self) : "unknown"
  }

  private static func read(_ descriptor: Int32) -> String {
    var text = [UInt8](repeating: 0, count: 300)
    let count = text.withUnsafeMutableBytes { $0.baseAddress.map { pread(descriptor, $0, 300, 0) } ?? 0 }
    let holder = String(decoding: text.prefix(max(0, count)).prefix { $0 != 10 && $0 != 0 }, as: UTF8.self)
    return holder.isEmpty ? "another process" : holder
  }

  private static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    // Only information for people: a full disk must not keep the lock from being taken.
    _ = ftruncate(descriptor, 0)
    _ = bytes.withUnsafeBytes { $0.baseAddress.map { pwrite(descriptor, $0, bytes.count, 0) } ?? 0 }
  }
}
