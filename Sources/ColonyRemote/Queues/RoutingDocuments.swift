import ColonyCore
import ColonyQueues

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

struct ChangedDocument: Decodable {
    var changed: Bool
}

extension ProblemDocument {
    /// Which queue has no room, of a message that goes through an exchange.
    var full: RoutingOutcome? {
        guard let queue = self.queue.flatMap({ try? QueueName($0) }),
            let overflow = self.overflow.flatMap({ QueueSettings.Overflow(rawValue: $0) })
        else { return nil }
        return .full(queue, overflow)
    }
}

/// Where an exchange sends messages, as a daemon describes it.
struct BindingDocument: Decodable {
    var queue: String?
    var exchange: String?
    var key: String?
    var pattern: String?
    var headers: [String: String]?
    var match: String?

    /// - Returns: `nil` if no store can have such a binding.
    var binding: Binding? {
        let destination: Binding.Destination
        if let name = self.queue.flatMap({ try? QueueName($0) }) {
            destination = .queue(name)
        } else if let name = self.exchange.flatMap({ try? ExchangeName($0) }) {
            destination = .exchange(name)
        } else {
            return nil
        }
        if let key { return Binding(to: destination, where: .key(key)) }
        if let text = self.pattern {
            return (try? TopicPattern(text)).map { Binding(to: destination, where: .pattern($0)) }
        }
        guard let headers else { return Binding(to: destination, where: .always) }
        return Binding(to: destination, where: self.match == "any" ? .anyHeader(headers) : .allHeaders(headers))
    }
}

struct ExchangeDocument: Decodable {
    var name: String
    var kind: String
    var alternate: String?
    var bindings: [BindingDocument]

    /// - Returns: `nil` if no store can have such an exchange.
    var record: ExchangeRecord? {
        guard let name = try? ExchangeName(self.name), let kind = ExchangeKind(rawValue: self.kind) else { return nil }
        let bindings = self.bindings.compactMap(\.binding)
        guard bindings.count == self.bindings.count else { return nil }
        return ExchangeRecord(
            name: name, kind: kind, alternate: self.alternate.flatMap { try? ExchangeName($0) }, bindings: bindings)
    }
}

struct ExchangePageDocument: Decodable {
    var exchanges: [ExchangeDocument]
    var next: String?
}

/// One answer to a message that went through an exchange.
struct RoutedDocument: Decodable {
    struct Copy: Decodable {
        var queue: String
        var id: Int64
        var duplicate: Bool?
    }

    var queues: [Copy]?
    var code: String?
    var queue: String?
    var overflow: String?

    /// - Returns: `nil` if it says nothing that an engine could have said.
    var outcome: RoutingOutcome? {
        if let queues {
            let copies = queues.compactMap { copy in
                (try? QueueName(copy.queue)).map {
                    RoutedCopy(queue: $0, id: MessageID(rawValue: copy.id), isDuplicate: copy.duplicate ?? false)
                }
            }
            return copies.count == queues.count ? .stored(copies) : nil
        }
        switch self.code {
        case "unroutable": return .unroutable
        case "full":
            guard let queue = self.queue.flatMap({ try? QueueName($0) }),
                let overflow = self.overflow.flatMap({ QueueSettings.Overflow(rawValue: $0) })
            else { return nil }
            return .full(queue, overflow)
        default: return nil
        }
    }
}
