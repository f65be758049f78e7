import NIOCore

/// A JSON value that keeps the order of its members, for documents that are built seldom.
indirect enum JSONValue: Sendable {
    case object([(String, JSONValue)])
    case array([JSONValue])
    case string(String)
    case number(UInt64)
    /// A finite number.
    case decimal(Double)
    case bool(Bool)

    func write(to buffer: inout ByteBuffer) {
        switch self {
        case .object(let members):
            buffer.writeJSON("{")
            for (index, member) in members.enumerated() {
                if index > 0 { buffer.writeJSON(",") }
                buffer.writeJSON(string: member.0)
                buffer.writeJSON(":")
                member.1.write(to: &buffer)
            }
            buffer.writeJSON("}")
        case .array(let elements):
            buffer.writeJSON("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { buffer.writeJSON(",") }
                element.write(to: &buffer)
            }
            buffer.writeJSON("]")
        case .string(let text): buffer.writeJSON(string: text)
        case .number(let number): buffer.writeJSON(number)
        case .decimal(let number):
            buffer.writeString(
                number == number.rounded() && number.magnitude < 0x1p53 ? "\(Int64(number))" : "\(number)")
        case .bool(let value): buffer.writeJSON(value)
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: UInt64) { self = .number(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements) }
}

extension JSONValue {
    /// What stands under a name in the document of the API.
    static func reference(_ schema: String) -> JSONValue {
        ["$ref": .string("#/components/schemas/\(schema)")]
    }
}
