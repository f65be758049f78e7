/// The headers of a message as one text: netstrings, name and value in turn, in the order of the names.
///
/// `{"a": "1"}` is `1:a,1:1,`. Any value passes through, and a reader of the file can make it out.
///
/// - SeeAlso: D. J. Bernstein, "Netstrings", 1997.
enum HeaderText {
    static func text(of headers: [String: String]) -> String? {
        if headers.isEmpty { return nil }
        var text = ""
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
            text += "\(name.utf8.count):\(name),\(value.utf8.count):\(value),"
        }
        return text
    }

    /// - Returns: `nil` if the text is none of ours.
    static func headers(of text: String?) -> [String: String]? {
        guard let text else { return [:] }
        var rest = Substring(text).utf8
        var headers: [String: String] = [:]
        while !rest.isEmpty {
            guard let name = Self.next(&rest), let value = Self.next(&rest) else { return nil }
            headers[name] = value
        }
        return headers
    }

    private static func next(_ rest: inout Substring.UTF8View) -> String? {
        guard let colon = rest.firstIndex(of: UInt8(ascii: ":")), let count = Int(Substring(rest[..<colon])), count >= 0
        else { return nil }
        rest = rest[rest.index(after: colon)...]
        guard let end = rest.index(rest.startIndex, offsetBy: count, limitedBy: rest.endIndex), end < rest.endIndex,
            rest[end] == UInt8(ascii: ",")
        else { return nil }
        let part = String(Substring(rest[..<end]))
        rest = rest[rest.index(after: end)...]
        return part
    }
}
