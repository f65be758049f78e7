/// Which of the latest packets of one life have come, so that none counts twice.
///
/// A packet may come late by as many as the window is long, which its sender has meanwhile sent to all others together. Anything older is taken for a repetition: a
/// packet that is lost does less harm than one that is taken twice.
///
/// - SeeAlso: RFC 6479, the same for IPsec.
package struct ReplayWindow: Hashable, Sendable {
    /// How many packets it looks back.
    package static let length: UInt64 = 1_024

    private var highest: UInt64 = 0
    /// A bit for each number, at its place modulo the length.
    private var words = [UInt64](repeating: 0, count: Int(Self.length) / 64)

    /// A window in which nothing has come.
    package init() {}

    /// Takes note of a packet.
    ///
    /// - Returns: Whether it is new.
    package mutating func accept(_ number: UInt64) -> Bool {
        if number > self.highest {
            let gap = number - self.highest
            if gap >= Self.length {
                for place in self.words.indices { self.words[place] = 0 }
            } else {
                for passed in (self.highest + 1)...number { self.clear(passed) }
            }
            self.highest = number
        } else if self.highest - number >= Self.length {
            return false
        }
        let (word, bit) = self.place(number)
        if self.words[word] & bit != 0 { return false }
        self.words[word] |= bit
        return true
    }

    private mutating func clear(_ number: UInt64) {
        let (word, bit) = self.place(number)
        self.words[word] &= ~bit
    }

    private func place(_ number: UInt64) -> (Int, UInt64) {
        let place = number % Self.length
        return (Int(place / 64), 1 << (place % 64))
    }
}

/// The windows of all lives that were heard.
package struct ReplayGuard: Sendable {
    package enum Verdict: Hashable {
        case new, repeated
        /// As many lives were heard as are remembered. Whoever asks begins a new life itself, after which no packet of the old one is for it.
        case full
    }

    /// How many lives are remembered.
    let capacity: Int
    private var windows: [BootID: ReplayWindow] = [:]

    package init(capacity: Int) {
        self.capacity = capacity
    }

    package mutating func accept(_ counter: UInt64, of boot: BootID) -> Verdict {
        if self.windows.index(forKey: boot) == nil, self.windows.count >= self.capacity { return .full }
        return self.windows[boot, default: ReplayWindow()].accept(counter) ? .new : .repeated
    }

    package mutating func forgetAll() { self.windows = [:] }
}
