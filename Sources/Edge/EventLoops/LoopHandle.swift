internal import CLibuv

/// One handle of libuv and the memory it lives in.
///
/// Lifetime: `adopt()` gives libuv one reference to the object, the close callback takes it back. So the object outlives every callback,
/// and each handle is closed and freed exactly once.
///
/// `@unchecked Sendable`: every mutable property here and in subclasses is touched on the loop's thread only; references may travel, and
/// whoever holds one elsewhere goes through `EventLoop.post`.
package class LoopHandle: @unchecked Sendable {
  package let loop: EventLoop
  private let memory: UnsafeMutableRawPointer
  private var isAdopted = false
  /// True from the call of `close()` on.
  private(set) var isClosing = false

  init(loop: EventLoop, type: uv_handle_type) {
    self.loop = loop
    memory = .allocate(byteCount: uv_handle_size(type), alignment: 16)
  }

  deinit { memory.deallocate() }

  /// The handle seen as one of libuv's types; libuv lays subtypes out so that each starts with its base.
  func pointer<Handle>(as type: Handle.Type) -> UnsafeMutablePointer<Handle> { memory.assumingMemoryBound(to: Handle.self) }

  /// Called once, after libuv's init function of the handle succeeded.
  func adopt() {
    isAdopted = true
    pointer(as: uv_handle_t.self).pointee.data = Unmanaged.passRetained(self).toOpaque()
  }

  /// Closes the handle; no callback but `didClose()` runs afterwards. Calling it again does nothing.
  package func close() {
    guard isAdopted, !isClosing else { return }
    isClosing = true
    uv_close(pointer(as: uv_handle_t.self)) { handle in
      guard let data = handle?.pointee.data else { return }
      let object = Unmanaged<LoopHandle>.fromOpaque(data).takeRetainedValue()
      object.didClose()
      object.loop.drain()
    }
  }

  /// Runs once, on the loop, when libuv has let go of the handle.
  func didClose() {}

  /// The object behind a handle that libuv hands to a callback.
  static func of(_ data: UnsafeMutableRawPointer?) -> Self? {
    guard let data else { return nil }
    return unsafeDowncast(Unmanaged<LoopHandle>.fromOpaque(data).takeUnretainedValue(), to: Self.self)
  }
}
