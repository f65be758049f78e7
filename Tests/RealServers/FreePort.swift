import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Ports of 127.0.0.1 for the servers that a test starts.
package enum FreePort {
    /// Below the range from which systems give ports to outgoing connections. A port of that range may go to a client of
    /// some other test between the choice and the moment the server binds it.
    private static let range = 15_000..<30_000
    private static let next = Atomic(UInt32.random(in: 0..<15_000))

    /// A port on which nobody listens, given to no other caller in this process until all others had their turn.
    package static func take() throws(NoFreePort) -> Int {
        for _ in self.range {
            let turn = self.next.wrappingAdd(1, ordering: .relaxed).oldValue
            let port = self.range.lowerBound + Int(turn) % self.range.count
            if self.isFree(port) { return port }
        }
        throw NoFreePort()
    }

    /// As many ports, all different.
    package static func take(_ count: Int) throws(NoFreePort) -> [Int] {
        var ports: [Int] = []
        for _ in 0..<count { ports.append(try self.take()) }
        return ports
    }

    private static func isFree(_ port: Int) -> Bool {
        // A process that is started at this moment would otherwise hold on to the port for as long as it lives.
        #if canImport(Glibc)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        #else
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        #endif
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// Every port of the range is taken.
package struct NoFreePort: Error {}
