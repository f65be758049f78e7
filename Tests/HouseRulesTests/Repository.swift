import Foundation

/// The files of the repository that these tests were built from.
enum Repository {
    static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func text(of path: String) throws -> String {
        try String(contentsOf: self.root.appending(path: path), encoding: .utf8)
    }

    /// Every Swift file that people write.
    static func swiftFiles() throws -> [SourceFile] {
        let folders = ["Sources", "Tests", "Snippets", "Examples", "Benchmarks/Sources", "Benchmarks/Tests"]
        return try folders.flatMap { try self.paths(under: $0, ending: ".swift") }
            // Written by the compiler of protocol buffers.
            .filter { !$0.hasSuffix(".pb.swift") }
            .map { path in SourceFile(path: path, text: try self.text(of: path)) }
    }

    /// Every Markdown file that a reader may come upon outside a documentation catalogue, whose links DocC checks.
    static func documents() throws -> [(path: String, text: String)] {
        let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].filter {
            FileManager.default.fileExists(atPath: self.root.appending(path: $0).path)
        }
        let benchmarks = try self.paths(under: "Benchmarks", ending: ".md")
        let examples = try self.paths(under: "Examples", ending: ".md")
        return try (top + self.paths(under: "docs", ending: ".md") + benchmarks + examples).map {
            ($0, try self.text(of: $0))
        }
    }

    private static func paths(under folder: String, ending suffix: String) throws -> [String] {
        let start = self.root.appending(path: folder)
        guard let walk = FileManager.default.enumerator(atPath: start.path) else { return [] }
        var result: [String] = []
        for case let path as String in walk where path.hasSuffix(suffix) {
            // What is built lies in hidden folders.
            if path.split(separator: "/").contains(where: { $0.hasPrefix(".") }) { continue }
            result.append("\(folder)/\(path)")
        }
        return result.sorted()
    }
}

/// What the tests read out of Markdown.
enum Markdown {
    static func blocks(ofLanguage language: String, in text: String) -> [[String]] {
        var blocks: [[String]] = []
        var block: [String]?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if let open = block {
                if line.hasPrefix("```") {
                    blocks.append(open)
                    block = nil
                } else {
                    block = open + [line]
                }
            } else if line == "```\(language)" {
                block = []
            }
        }
        return blocks
    }

    /// Whether `block` stands in `lines`, in one piece, whatever the indentation.
    static func contains(_ lines: [String], _ block: [String]) -> Bool {
        func bare(_ line: String) -> String { String(line.drop { $0 == " " }) }
        let wanted = block.map(bare)
        let given = lines.map(bare)
        guard !wanted.isEmpty, given.count >= wanted.count else { return false }
        return (0...(given.count - wanted.count)).contains { Array(given[$0..<($0 + wanted.count)]) == wanted }
    }

    /// The links of `text` to files of the repository, without what follows `#`.
    static func localLinks(in text: String) -> [String] {
        text.split(separator: "](").dropFirst().compactMap { piece in
            guard let end = piece.firstIndex(of: ")") else { return nil }
            let link = piece[..<end].split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)[0]
            guard !link.isEmpty, !link.contains(":"), !link.contains(" ") else { return nil }
            return String(link)
        }
    }
}

/// What the tests read out of the package manifest.
enum PackageRules {
    /// The names of the targets that are declared without `swiftSettings: settings`.
    static func targetsWithoutSettings(in manifest: SourceFile) -> [String] {
        let text = manifest.lines.joined(separator: "\n")
        var result: [String] = []
        for opener in [".target(", ".executableTarget(", ".testTarget("] {
            var rest = text[...]
            while let found = rest.firstRange(of: opener) {
                rest = rest[found.upperBound...]
                let declaration = Self.untilBalanced(rest)
                guard declaration.contains("name:") else { continue }
                // What a target stands on under a condition is written the same way, and is no target.
                if declaration.contains("condition:"), !declaration.contains("dependencies:") { continue }
                if !declaration.contains("swiftSettings: settings") {
                    let name = declaration.split(separator: "\"").dropFirst().first.map(String.init)
                    result.append(name ?? String(declaration))
                }
            }
        }
        return result
    }

    /// The names of the targets of examples that could use what users of the package cannot see.
    static func privilegedExamples(in manifest: SourceFile) -> [String] {
        manifest.lines.joined(separator: "\n").split(separator: ".executableTarget(").dropFirst().compactMap { rest in
            let declaration = Self.untilBalanced(rest)
            guard declaration.contains("path: \"Examples/"), !declaration.contains("packageAccess: false") else {
                return nil
            }
            return declaration.split(separator: "\"").dropFirst().first.map(String.init)
        }
    }

    /// The names of the test targets.
    static func testTargets(in manifest: SourceFile) -> [String] {
        manifest.lines.joined(separator: "\n").split(separator: ".testTarget(").dropFirst().compactMap { declaration in
            declaration.split(separator: "\"").dropFirst().first.map(String.init)
        }
    }

    private static func untilBalanced(_ text: Substring) -> Substring {
        var depth = 1
        for index in text.indices {
            if text[index] == "(" { depth += 1 }
            if text[index] == ")" {
                depth -= 1
                if depth == 0 { return text[..<index] }
            }
        }
        return text
    }
}
