import Foundation

/// A Swift file as the rules see it: its text, and the same text with comments and string literals blanked out.
struct SourceFile {
    /// The path from the root of the repository, such as `Sources/ColonyCore/Names/LeaseName.swift`.
    let path: String
    /// The lines as they are.
    let lines: [String]
    /// The lines with spaces in place of comments and the insides of string literals, so that a word found here is code.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        self.lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        self.code = CodeScanner.blanked(text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// The target that the file belongs to, or an empty text outside Sources and Tests.
    var target: String {
        let parts = self.path.split(separator: "/")
        guard parts.count >= 3, ["Sources", "Tests", "Snippets", "Examples"].contains(parts[0]) else { return "" }
        return String(parts[1])
    }

    var isTest: Bool { self.path.hasPrefix("Tests/") || self.path.hasPrefix("Benchmarks/Tests/") }
    /// Whether users run it, or write their own after it.
    var isShown: Bool { self.path.hasPrefix("Sources/") || self.path.hasPrefix("Examples/") }
    var isLibrary: Bool { self.path.hasPrefix("Sources/Colony") }
    var fileName: String { self.path.split(separator: "/").last.map(String.init) ?? self.path }
}

/// Tells code from comments and string literals. It knows nested comments, raw and multi-line literals; it treats
/// interpolations as part of their literal.
enum CodeScanner {
    static func blanked(_ text: String) -> String {
        let characters = Array(text)
        var result: [Character] = []
        result.reserveCapacity(characters.count)
        var index = 0

        func at(_ offset: Int) -> Character? { offset < characters.count ? characters[offset] : nil }
        func blank(upTo end: Int) {
            while index < min(end, characters.count) {
                result.append(characters[index].isNewline ? characters[index] : " ")
                index += 1
            }
        }

        while index < characters.count {
            let character = characters[index]
            if character == "/", at(index + 1) == "/" {
                var end = index
                while let next = at(end), !next.isNewline { end += 1 }
                blank(upTo: end)
            } else if character == "/", at(index + 1) == "*" {
                blank(upTo: Self.endOfComment(characters, from: index))
            } else if character == "\"" || (character == "#" && Self.opensRawLiteral(characters, at: index)) {
                blank(upTo: Self.endOfLiteral(characters, from: index))
            } else {
                result.append(character)
                index += 1
            }
        }
        return String(result)
    }

    private static func opensRawLiteral(_ characters: [Character], at start: Int) -> Bool {
        var index = start
        while index < characters.count, characters[index] == "#" { index += 1 }
        return index < characters.count && characters[index] == "\""
    }

    private static func endOfComment(_ characters: [Character], from start: Int) -> Int {
        var depth = 0
        var index = start
        while index < characters.count {
            let pair = (characters[index], index + 1 < characters.count ? characters[index + 1] : " ")
            if pair == ("/", "*") {
                depth += 1
                index += 2
            } else if pair == ("*", "/") {
                depth -= 1
                index += 2
                if depth == 0 { return index }
            } else {
                index += 1
            }
        }
        return index
    }

    private static func endOfLiteral(_ characters: [Character], from start: Int) -> Int {
        var index = start
        var hashes = 0
        while characters[index] == "#" {
            hashes += 1
            index += 1
        }
        func starts(with text: String, at position: Int) -> Bool {
            characters[min(position, characters.count)...].starts(with: text)
        }
        let isMultiline = starts(with: "\"\"\"", at: index)
        let quote = isMultiline ? "\"\"\"" : "\""
        let close = quote + String(repeating: "#", count: hashes)
        let escape = "\\" + String(repeating: "#", count: hashes)
        index += quote.count
        while index < characters.count {
            if starts(with: escape, at: index) {
                let after = index + escape.count
                // The literal inside an interpolation must not be taken for the end of the outer one.
                index = starts(with: "(", at: after) ? Self.endOfInterpolation(characters, from: after) : after + 1
            } else if starts(with: close, at: index) {
                return index + close.count
            } else if !isMultiline, characters[index].isNewline {
                return index
            } else {
                index += 1
            }
        }
        return index
    }

    private static func endOfInterpolation(_ characters: [Character], from start: Int) -> Int {
        var depth = 0
        var index = start
        while index < characters.count {
            switch characters[index] {
            case "(":
                depth += 1
                index += 1
            case ")":
                depth -= 1
                index += 1
                if depth == 0 { return index }
            case "\"":
                index = Self.endOfLiteral(characters, from: index)
            default:
                index += 1
            }
        }
        return index
    }
}
