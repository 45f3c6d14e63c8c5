import Glibc

/// Names of what is in a folder; nil where it cannot be read.
package func names(in path: String) -> [String]? {
  guard let folder = opendir(path), let place = MemoryLayout<dirent>.offset(of: \.d_name) else { return nil }
  defer { closedir(folder) }
  var names: [String] = []
  while let entry = readdir(folder) {
    // Read where it lies: an entry is as long as its name, and a copy of the declared field would run over the end of the buffer.
    names.append(String(cString: (UnsafeRawPointer(entry) + place).assumingMemoryBound(to: CChar.self)))
  }
  return names
}

/// Descriptors from 3 on, those included that other threads are about to open: what a child must not hold open, for other tests wait until theirs are closed.
package func inheritedDescriptors() -> Range<Int32> {
  3..<(names(in: "/proc/self/fd")?.compactMap { Int32($0) }.max() ?? 4096) + 512
}
