import ColonyCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Finds the addresses of names on threads that may wait, because name servers may be silent for half a minute.
final class HostNames: Sendable {
    /// The most names under way, each of which is a thread.
    private static let mostNames = 16

    private let underWay = Mutex<[String: [@Sendable ([String]) -> Void]]>([:])
    private let resolve: @Sendable (String) -> [String]

    init(_ resolve: @escaping @Sendable (String) -> [String] = { HostNames.system($0) }) {
        self.resolve = resolve
    }

    /// Looks up a name. All who ask for one that is under way share the answer.
    ///
    /// - Parameter answer: Is called once, on another thread, with numbers; with none if the name has none, or if too many are under way.
    func addresses(of host: String, _ answer: @escaping @Sendable ([String]) -> Void) {
        enum Next { case wait, start, refuse }
        let next = self.underWay.withLock { underWay -> Next in
            if let others = underWay[host] {
                guard others.count < 64 else { return .refuse }
                underWay[host] = others + [answer]
                return .wait
            }
            guard underWay.count < Self.mostNames else { return .refuse }
            underWay[host] = [answer]
            return .start
        }
        switch next {
        case .wait: break
        case .refuse: answer([])
        case .start:
            startThread(named: "colony-names") {
                let found = self.resolve(host)
                let all = self.underWay.withLock { $0.removeValue(forKey: host) } ?? []
                for answer in all { answer(found) }
            }
        }
    }

    /// The same for a task. It cannot be given up sooner than the system gives up.
    func addresses(of host: String) async -> [String] {
        await withCheckedContinuation { continuation in
            self.addresses(of: host) { continuation.resume(returning: $0) }
        }
    }

    /// Asks the system, by `getaddrinfo`.
    static func system(_ host: String) -> [String] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [String] = []
        var next = list
        while let entry = next {
            var text: [CChar] = Array(repeating: 0, count: 256)
            if getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
                == 0
            {
                let number = String(
                    decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if !found.contains(number) { found.append(number) }
            }
            next = entry.pointee.ai_next
        }
        return found
    }
}
