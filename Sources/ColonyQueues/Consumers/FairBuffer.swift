import DequeModule

/// Deliveries that wait for a handler: one of each key in turn, so that a key with many messages does not keep others waiting.
///
/// - Complexity: O(1) per operation.
struct FairBuffer {
    private var keys: Deque<String?> = []
    private var lines: [String?: Deque<Delivery>] = [:]
    private(set) var count = 0

    mutating func append(_ delivery: Delivery) {
        if self.lines[delivery.key] == nil { self.keys.append(delivery.key) }
        self.lines[delivery.key, default: []].append(delivery)
        self.count += 1
    }

    mutating func popFirst() -> Delivery? {
        guard let key = self.keys.popFirst(), let delivery = self.lines[key]?.popFirst() else { return nil }
        if self.lines[key]?.isEmpty == true {
            self.lines[key] = nil
        } else {
            self.keys.append(key)
        }
        self.count -= 1
        return delivery
    }

    mutating func removeAll() -> [Delivery] {
        var deliveries: [Delivery] = []
        while let delivery = self.popFirst() { deliveries.append(delivery) }
        return deliveries
    }
}
