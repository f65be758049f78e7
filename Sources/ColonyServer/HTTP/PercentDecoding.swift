import ColonyCaches
import ColonyCore
import ColonyIdentifiers
import ColonyQueues

/// Reading what a URL carries.
enum PercentDecoding {
    /// The bytes that percent-encoded text stands for, or `nil` where a `%` is not followed by two digits.
    static func bytes(of text: Substring.UTF8View, plusIsSpace: Bool = false) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var iterator = text.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard
                    let high = iterator.next().flatMap(hexadecimalValue),
                    let low = iterator.next().flatMap(hexadecimalValue)
                else { return nil }
                result.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace:
                result.append(UInt8(ascii: " "))
            default:
                result.append(byte)
            }
        }
        return result
    }

    /// The name of a lock in a path.
    static func leaseName(_ text: Substring.UTF8View, atMost maximumBytes: Int) throws(Problem) -> LeaseName {
        let bytes = try Self.nameBytes(text, of: "lock name", atMost: maximumBytes)
        do throws(InvalidName) {
            return try LeaseName(utf8: bytes)
        } catch {
            throw Problem(error)
        }
    }

    /// The tag of a segment in a path.
    static func segmentTag(_ text: Substring.UTF8View, atMost maximumBytes: Int) throws(Problem) -> SegmentTag {
        let bytes = try Self.nameBytes(text, of: "segment tag", atMost: maximumBytes)
        do throws(InvalidName) {
            return try SegmentTag(utf8: bytes)
        } catch {
            throw Problem(error)
        }
    }

    /// The name of a queue in a path.
    static func queueName(_ text: Substring.UTF8View, atMost maximumBytes: Int) throws(Problem) -> QueueName {
        let bytes = try Self.nameBytes(text, of: "queue name", atMost: maximumBytes)
        guard let name = String(validating: bytes, as: UTF8.self) else {
            let shown = NameRules.quoted(String(decoding: bytes, as: UTF8.self))
            throw Problem(.invalidName, "\(shown) cannot be a queue name: it is not UTF-8")
        }
        do throws(InvalidName) {
            return try QueueName(name)
        } catch {
            throw Problem(error)
        }
    }

    /// The key of an entry of the cache in a path.
    static func cacheKey(_ text: Substring.UTF8View) throws(Problem) -> CacheKey {
        let bytes = try Self.nameBytes(text, of: "cache key", atMost: NameRules.maximumBytes)
        do throws(InvalidName) {
            return try CacheKey(utf8: bytes)
        } catch {
            throw Problem(error)
        }
    }

    /// The bytes of a name; those that are longer than every name may be are left to the type, which says so.
    private static func nameBytes(
        _ text: Substring.UTF8View, of role: String, atMost maximumBytes: Int
    ) throws(Problem) -> [UInt8] {
        guard let bytes = Self.bytes(of: text) else {
            let shown = NameRules.quoted(String(decoding: text, as: UTF8.self))
            throw Problem(.invalidName, "\(shown) cannot be a \(role): it is not well percent-encoded")
        }
        guard bytes.count <= maximumBytes || bytes.count > NameRules.maximumBytes else {
            throw Problem(
                .invalidName,
                "\(NameRules.quoted(String(decoding: bytes, as: UTF8.self))) cannot be a \(role): "
                    + "it has \(bytes.count) bytes, and this server takes \(maximumBytes) at the most")
        }
        return bytes
    }
}

/// The parameters after the `?` of a URL. Unknown and repeated ones are refused, as unknown fields of a body are.
struct QueryParameters {
    private var values: [String: String] = [:]

    init(_ query: Substring.UTF8View, known: [String]) throws(Problem) {
        for pair in query.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            let value = equals == pair.endIndex ? pair[equals...] : pair[pair.index(after: equals)...]
            guard
                let name = PercentDecoding.bytes(of: pair[..<equals], plusIsSpace: true)
                    .flatMap({ String(validating: $0, as: UTF8.self) }),
                let text = PercentDecoding.bytes(of: value, plusIsSpace: true)
                    .flatMap({ String(validating: $0, as: UTF8.self) })
            else {
                let shown = NameRules.quoted(String(decoding: pair, as: UTF8.self))
                throw Problem(.invalidRequest, "the parameter \(shown) is not percent-encoded UTF-8")
            }
            guard known.contains(name) else {
                let hint = EditDistance.nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? ""
                throw Problem(.unknownField, "the parameter \(NameRules.quoted(name)) is not known\(hint)")
            }
            guard self.values.updateValue(text, forKey: name) == nil else {
                throw Problem(.invalidRequest, "the parameter \(name) appears twice")
            }
        }
    }

    subscript(name: String) -> String? { self.values[name] }

    /// A whole number in a range, or `nil` if the parameter is not there.
    func integer<Number: FixedWidthInteger>(
        _ name: String, in range: ClosedRange<Number>
    ) throws(Problem) -> Number? {
        guard let text = self.values[name] else { return nil }
        // Only digits: Swift's reader also takes a plus sign.
        guard text.utf8.first != UInt8(ascii: "+"), let number = Number(text), range.contains(number) else {
            throw Problem(
                .invalidRequest,
                "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound), "
                    + "not \(NameRules.quoted(text))")
        }
        return number
    }
}
