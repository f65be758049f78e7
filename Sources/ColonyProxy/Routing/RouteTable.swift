/// Finds the first route of the list that matches a request, without looking at those that cannot.
///
/// For each host that a route names there is a list of the routes that may match, and in it one for each first segment of a path. So a request
/// costs a look at its host, one at its first segment, and as many routes as are left.
///
/// - Complexity: O(*k*) in the routes that are left, and O(*n*) in the bytes of the host and the path.
final class RouteTable: Sendable {
    private final class Candidates: Sendable {
        /// By the first segment of the path.
        private let bySegment: ByteKeyTable<[Int]>
        /// Those that ask for no first segment.
        private let others: [Int]

        init(_ numbers: [Int], _ rules: [RouteRule]) {
            var bySegment: [[UInt8]: [Int]] = [:]
            var others: [Int] = []
            for number in numbers {
                if let segment = rules[number].firstSegment {
                    bySegment[segment, default: []].append(number)
                } else {
                    others.append(number)
                }
            }
            self.bySegment = ByteKeyTable(bySegment.map { (key: $0.key, value: $0.value) })
            self.others = others
        }

        /// Two lists, each in order, of the routes that may match.
        func numbers(for path: UnsafeRawBufferPointer) -> ([Int], [Int]) {
            guard !self.bySegment.isEmpty, path.count > 0 else { return ([], self.others) }
            var end = 1
            while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
            let segment = UnsafeRawBufferPointer(rebasing: path[1..<end])
            return (self.bySegment.value(for: segment) ?? [], self.others)
        }
    }

    /// A walk over several lists of numbers, each in order, the least number first.
    private struct Merged {
        private var lists: (ArraySlice<Int>, ArraySlice<Int>, ArraySlice<Int>, ArraySlice<Int>)

        init(_ one: ([Int], [Int]), _ other: ([Int], [Int])) {
            self.lists = (one.0[...], one.1[...], other.0[...], other.1[...])
        }

        mutating func next() -> Int? {
            let heads = (
                self.lists.0.first ?? .max, self.lists.1.first ?? .max, self.lists.2.first ?? .max,
                self.lists.3.first ?? .max
            )
            let least = min(min(heads.0, heads.1), min(heads.2, heads.3))
            guard least != .max else { return nil }
            // No number is in two lists.
            if heads.0 == least {
                self.lists.0.removeFirst()
            } else if heads.1 == least {
                self.lists.1.removeFirst()
            } else if heads.2 == least {
                self.lists.2.removeFirst()
            } else {
                self.lists.3.removeFirst()
            }
            return least
        }
    }

    enum Finding: Equatable {
        /// The number of the route in the list.
        case route(Int)
        case none
        /// A route depends on the path, and this one can be read in two ways.
        case twofoldPath
    }

    let rules: [RouteRule]
    private let isDecided: Bool
    private let readsPaths: Bool
    private let exactHosts: ByteKeyTable<Candidates>
    /// By what stands behind the asterisk and the dot.
    private let wildcards: ByteKeyTable<Candidates>
    private let anyHost: Candidates

    init(_ matches: [RouteMatch]) {
        let rules = matches.map { RouteRule($0) }
        self.rules = rules
        self.isDecided = matches.first?.hosts.isEmpty == true && rules[0].isUnconditional
        self.readsPaths = rules.contains(where: \.readsPath)
        var anyHost: [Int] = []
        var exact: [[UInt8]: [Int]] = [:]
        var wild: [[UInt8]: [Int]] = [:]
        for (number, match) in matches.enumerated() {
            if match.hosts.isEmpty { anyHost.append(number) }
            for host in match.hosts {
                if host.hasPrefix("*.") {
                    wild[HostKey.bytes(of: String(host.dropFirst(2))), default: []].append(number)
                } else {
                    exact[HostKey.bytes(of: host), default: []].append(number)
                }
            }
        }
        func candidates(_ name: [UInt8], _ own: [Int]) -> Candidates {
            var fitting = Set(own)
            for at in name.indices where name[at] == UInt8(ascii: ".") && at > 0 {
                fitting.formUnion(wild[Array(name[(at + 1)...])] ?? [])
            }
            return Candidates(fitting.sorted(), rules)
        }
        self.anyHost = Candidates(anyHost, rules)
        self.exactHosts = ByteKeyTable(exact.map { (key: $0.key, value: candidates($0.key, $0.value)) })
        self.wildcards = ByteKeyTable(wild.map { (key: $0.key, value: candidates($0.key, $0.value)) })
    }

    /// - Parameter bytes: The head that `parser` has found complete.
    func find(
        _ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer, isSecure: Bool
    ) -> Finding {
        if self.isDecided { return .route(0) }
        let head = parser.head
        guard self.readsPaths, !head.path.isEmpty || head.hasImpliedRoot else {
            return self.find(UnsafeRawBufferPointer(start: nil, count: 0), parser, bytes, isSecure)
        }
        if head.path.isEmpty {
            var root = UInt8(ascii: "/")
            return withUnsafeBytes(of: &root) { self.find($0, parser, bytes, isSecure) }
        }
        let path = head.path.bytes(in: bytes)
        if PathReading.isPlain(path) { return self.find(path, parser, bytes, isSecure) }
        return withUnsafeTemporaryAllocation(byteCount: path.count, alignment: 1) { memory in
            memory.copyMemory(from: path)
            guard let count = PathReading.normalise(memory) else { return .twofoldPath }
            return self.find(UnsafeRawBufferPointer(rebasing: memory[..<count]), parser, bytes, isSecure)
        }
    }

    private func find(
        _ path: UnsafeRawBufferPointer, _ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer,
        _ isSecure: Bool
    ) -> Finding {
        let ofHost = self.candidates(parser.head.authority.bytes(in: bytes))?.numbers(for: path) ?? ([], [])
        var numbers = Merged(ofHost, self.anyHost.numbers(for: path))
        while let number = numbers.next() {
            if self.rules[number].matches(path: path, parser, bytes, isSecure: isSecure) { return .route(number) }
        }
        return .none
    }

    /// What is only for the host; `nil` if nothing is.
    private func candidates(_ authority: UnsafeRawBufferPointer) -> Candidates? {
        if self.exactHosts.isEmpty, self.wildcards.isEmpty { return nil }
        return HostKey.with(authority) { host in
            if let found = self.exactHosts.value(for: host) { return found }
            guard !self.wildcards.isEmpty, host.first != UInt8(ascii: "[") else { return nil }
            // The longest name that fits has all the routes of the shorter ones.
            for at in host.indices where host[at] == UInt8(ascii: ".") && at > 0 {
                let suffix = UnsafeRawBufferPointer(rebasing: host[(at + 1)...])
                if let found = self.wildcards.value(for: suffix) { return found }
            }
            return nil
        }
    }
}
