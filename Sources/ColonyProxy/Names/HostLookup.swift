import ColonyCore
package import NIOCore
import NIOPosix
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
@preconcurrency import Musl
#else
@preconcurrency import Glibc
#endif

/// Looks up the addresses of host names on threads that may wait.
///
/// The system's call for it blocks for as long as name servers are silent, which may be half a minute. The resolver that NIO's bootstrap has by
/// default makes that call on the event loop, where everything else then stands still. Here each name under way has a short-lived thread of its
/// own, and all who ask for a name that is being looked up share the answer. Nothing is remembered after that, so that a change in DNS is
/// seen with the next connection.
package final class HostLookup: Sendable {
    /// One for the process, as the system's name servers are.
    package static let shared = HostLookup()

    /// The most names under way, each of which is a thread.
    package static let mostNames = 64
    /// The most that wait for one name. They pile up when name servers are silent, because a call that has given up cannot be ended.
    package static let mostWaiting = 1_024

    package typealias Answer = Result<[SocketAddress], HostLookupFailure>

    private let waiting = Mutex<[String: [@Sendable (Answer) -> Void]]>([:])
    private let resolve: @Sendable (_ host: String) -> Answer

    /// - Parameter resolve: Finds the addresses, with port zero, and may block.
    package init(_ resolve: @escaping @Sendable (_ host: String) -> Answer = { HostLookup.system($0) }) {
        self.resolve = resolve
    }

    /// Looks up a name.
    ///
    /// - Parameter answer: Is called once, on another thread or, if the limits are reached, on this one.
    package func addresses(of host: String, _ answer: @escaping @Sendable (Answer) -> Void) {
        enum Next { case wait, start, refuse(String) }
        let next = self.waiting.withLock { waiting -> Next in
            if let others = waiting[host] {
                guard others.count < Self.mostWaiting else {
                    return .refuse("\(others.count) connections wait for the addresses of \(host)")
                }
                waiting[host] = others + [answer]
                return .wait
            }
            guard waiting.count < Self.mostNames else {
                return .refuse("\(waiting.count) names are being looked up, and \(Self.mostNames) are the most")
            }
            waiting[host] = [answer]
            return .start
        }
        switch next {
        case .wait: break
        case .refuse(let reason): answer(.failure(HostLookupFailure(reason)))
        case .start:
            startThread(named: "colony-names") {
                let result = self.resolve(host)
                let all = self.waiting.withLock { $0.removeValue(forKey: host) } ?? []
                for answer in all { answer(result) }
            }
        }
    }

    /// Asks the system, by `getaddrinfo`.
    package static func system(_ host: String) -> Answer {
        var hints = addrinfo()
        #if canImport(Glibc)
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var first: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &first)
        guard status == 0 else {
            return .failure(HostLookupFailure("\(host) has no address: \(String(cString: gai_strerror(status)))"))
        }
        defer { freeaddrinfo(first) }
        var addresses: [SocketAddress] = []
        var next = first
        while let entry = next?.pointee {
            if let address = entry.ai_addr {
                switch entry.ai_family {
                case AF_INET:
                    address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                        addresses.append(SocketAddress($0.pointee, host: host))
                    }
                case AF_INET6:
                    address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                        addresses.append(SocketAddress($0.pointee, host: host))
                    }
                default: break
                }
            }
            next = entry.ai_next
        }
        return addresses.isEmpty ? .failure(HostLookupFailure("\(host) has no address")) : .success(addresses)
    }
}

/// Why a name has no addresses.
package struct HostLookupFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// Gives NIO's bootstrap the addresses that ``HostLookup`` finds, for one connection.
final class ThreadedResolver: Resolver, Sendable {
    private let lookup: HostLookup
    private let old: EventLoopPromise<[SocketAddress]>
    private let new: EventLoopPromise<[SocketAddress]>

    /// Makes a resolver for a connection by name. It must be used: its promises are kept only then.
    ///
    /// - Parameter eventLoop: That of the connection.
    init(on eventLoop: any EventLoop, _ lookup: HostLookup = .shared) {
        self.lookup = lookup
        self.old = eventLoop.makePromise()
        self.new = eventLoop.makePromise()
    }

    /// The addresses of version 4, which one call to the system finds together with the others.
    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> { self.old.futureResult }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        self.lookup.addresses(of: host) { answer in
            switch answer {
            case .failure(let failure):
                self.new.fail(failure)
                self.old.fail(failure)
            case .success(let addresses):
                let reachable = addresses.map { address in
                    var address = address
                    address.port = port
                    return address
                }
                self.new.succeed(reachable.filter { $0.protocol == .inet6 })
                self.old.succeed(reachable.filter { $0.protocol == .inet })
            }
        }
        return self.new.futureResult
    }

    /// Who has given up does not look at the answer any more; the system's call cannot be ended.
    func cancelQueries() {}
}
