import ColonyRESP

/// Which server has which slot, as one of them told.
struct ClusterMap: Equatable {
    private(set) var masters: [RedisAddress]
    /// The index in `masters` for each slot, or -1.
    private var owners: [Int16]

    /// Reads the answer to `CLUSTER SLOTS`; `nil` if it is not one, or names no server.
    ///
    /// - Parameter source: Who was asked; servers that do not know their own address leave it out.
    init?(_ answer: RESPValue, from source: RedisAddress) {
        self.masters = []
        self.owners = Array(repeating: -1, count: HashSlot.count)
        guard let ranges = answer.elements, !ranges.isEmpty else { return nil }
        for range in ranges {
            guard let parts = range.elements, parts.count >= 3,
                let first = parts[0].integer, let last = parts[1].integer,
                0 <= first, first <= last, last < Int64(HashSlot.count),
                let node = parts[2].elements, node.count >= 2,
                let port = node[1].integer, (1...65535).contains(port)
            else { return nil }
            let host = node[0].text ?? ""
            // "?" stands for an address that is not known.
            let isKnown = !host.isEmpty && host != "?"
            let address = RedisAddress(host: isKnown ? host : source.host, port: Int(port))
            for slot in first...last { self.assign(Int(slot), to: address) }
        }
    }

    func owner(of slot: Int) -> RedisAddress? {
        let index = self.owners[slot]
        return index < 0 ? nil : self.masters[Int(index)]
    }

    mutating func assign(_ slot: Int, to address: RedisAddress) {
        if let index = self.masters.firstIndex(of: address) {
            self.owners[slot] = Int16(index)
        } else if self.masters.count < Int(Int16.max) {
            self.masters.append(address)
            self.owners[slot] = Int16(self.masters.count - 1)
        }
    }
}
