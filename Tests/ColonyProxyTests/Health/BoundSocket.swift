import Testing

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
@preconcurrency import Musl
#else
@preconcurrency import Glibc
#endif

/// A socket with a port of this host of its own, which nobody else gets meanwhile.
///
/// Without listening its connections are refused.
final class BoundSocket {
    let descriptor: CInt
    let port: Int

    init() throws {
        #if canImport(Glibc)
        self.descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        #else
        self.descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        let isBound = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        self.port = Int(UInt16(bigEndian: address.sin_port))
        try #require(descriptor >= 0 && isBound)
    }

    /// Begins to connect, and waits for nothing.
    func connect(to port: Int) {
        _ = fcntl(self.descriptor, F_SETFL, O_NONBLOCK)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = UInt16(port).bigEndian
        _ = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                openConnection(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    deinit {
        close(self.descriptor)
    }
}

/// The system's `connect`, under a name that no method hides.
private func openConnection(_ descriptor: CInt, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> CInt {
    connect(descriptor, address, length)
}

/// A port whose queue of connections is full, so that the system answers nobody else: a black hole on this host.
final class FullListener {
    private let listener: BoundSocket
    private var clients: [BoundSocket] = []

    var port: Int { self.listener.port }

    init() throws {
        self.listener = try BoundSocket()
        try #require(listen(self.listener.descriptor, 0) == 0)
        // Nobody accepts them. Two are more than a queue of length zero takes; the others wait for an answer as the probe will.
        for _ in 0..<4 {
            let client = try BoundSocket()
            client.connect(to: self.port)
            self.clients.append(client)
        }
    }
}
