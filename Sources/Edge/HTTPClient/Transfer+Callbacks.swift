internal import CCurl
internal import Glibc

/// The C side of a transfer. libcurl calls these on the loop's thread while the transfer is part of the multi, and the engine holds the
/// transfer for just as long: that is why the unretained pointers are good.
extension Transfer {
  private static func of(_ context: UnsafeMutableRawPointer?) -> Transfer? {
    context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
  }

  func install(on easy: EasyHandle) {
    let context = Unmanaged.passUnretained(self).toOpaque()
    for option in [CURLOPT_PRIVATE, CURLOPT_HEADERDATA, CURLOPT_WRITEDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA, CURLOPT_OPENSOCKETDATA] {
      easy.set(option, pointer: context)
    }
    installReading(on: easy)
    ccurl_set_data_callback(easy.pointer, CURLOPT_READFUNCTION) { buffer, size, count, context in
      guard let transfer = Transfer.of(context), let buffer else { return Int(CURL_READFUNC_ABORT) }
      let room = UnsafeMutableRawBufferPointer(start: buffer, count: size * count)
      return transfer.source.read(into: room) ?? Int(CURL_READFUNC_ABORT)
    }
    ccurl_set_seek_callback(easy.pointer) { context, offset, _ in
      guard let transfer = Transfer.of(context), offset == 0, transfer.source.rewind() else { return CURL_SEEKFUNC_CANTSEEK }
      return CURL_SEEKFUNC_OK
    }
    ccurl_set_socket_callback(easy.pointer) { context, _, address in
      guard let transfer = Transfer.of(context), let address else { return CURL_SOCKET_BAD }
      guard transfer.allows(Transfer.number(of: address)) else { return CURL_SOCKET_BAD }
      let type = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
      return socket(address.pointee.family, type, address.pointee.protocol)
    }
  }

  private func installReading(on easy: EasyHandle) {
    ccurl_set_data_callback(easy.pointer, CURLOPT_HEADERFUNCTION) { buffer, size, count, context in
      guard let transfer = Transfer.of(context) else { return 0 }
      return transfer.takeLine(UnsafeRawBufferPointer(start: buffer, count: size * count)) ? size * count : 0
    }
    ccurl_set_data_callback(easy.pointer, CURLOPT_WRITEFUNCTION) { buffer, size, count, context in
      guard let transfer = Transfer.of(context) else { return 0 }
      switch transfer.takeBody(UnsafeRawBufferPointer(start: buffer, count: size * count)) {
      case .all: return size * count
      case .later: return Int(CURL_WRITEFUNC_PAUSE)
      // Any other number than all of it ends the transfer with CURLE_WRITE_ERROR.
      case .enough: return size * count == 0 ? 1 : 0
      }
    }
  }

  private static func number(of address: UnsafePointer<curl_sockaddr>) -> IPAddress? {
    let length = Int(address.pointee.addrlen)
    guard let bytes = ccurl_address_bytes(address) else { return nil }
    // Offsets of `sin_addr` and `sin6_addr`.
    switch address.pointee.family {
    case AF_INET where length >= MemoryLayout<sockaddr_in>.size:
      return .v4(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
    case AF_INET6 where length >= MemoryLayout<sockaddr_in6>.size:
      return .v6(UInt128(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt128.self)))
    default: return nil
    }
  }
}
