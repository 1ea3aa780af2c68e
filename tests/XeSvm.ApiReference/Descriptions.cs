using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace XeSvm.ApiReference;

/// <summary>Descriptions as HTML: what the compiler's documentation files say, with links to what they refer to.</summary>
internal sealed partial class Descriptions(ApiModel model)
{
    private const string Library = "https://learn.microsoft.com/dotnet/api/";

    /// <summary>What is wrong with the descriptions that were written so far.</summary>
    internal List<string> Problems { get; } = [];

    /// <summary>What is written about a member, inherited where it says so; null when nothing is there.</summary>
    internal XElement? Of(MemberInfo member)
    {
        XElement? own = model.DescriptionOf(DocumentationId.Of(member));
        if (own?.Element("inheritdoc") is not { } inherit)
        {
            return own;
        }

        return inherit.Attribute("cref") is { Value: { } source } ? model.DescriptionOf(source)
            : Ancestors(member).Select(ancestor => model.DescriptionOf(DocumentationId.Of(ancestor))).FirstOrDefault(found => found?.Element("summary") is not null)
                ?? Borrowed(member);
    }

    /// <summary>The content of one part of a description, as HTML; none when the part is not there.</summary>
    internal object[] Part(XElement? description, string name) => description?.Element(name) is { } part ? Convert(part, description) : [];

    /// <summary>Text and elements as HTML.</summary>
    internal object[] Convert(XElement element, XElement description) => [.. element.Nodes().SelectMany(node => node switch
    {
        XText text => [Blank().Replace(text.Value, " ")],
        XElement inner => Element(inner, description),
        _ => Array.Empty<object>(),
    })];

    private object[] Element(XElement element, XElement description)
    {
        switch (element.Name.LocalName)
        {
            case "see" or "seealso" when element.Attribute("cref") is { } reference:
                return [Reference(reference.Value, element.Value, description)];
            case "see" when element.Attribute("langword") is { } word:
                return [new XElement("code", word.Value)];
            case "see" when element.Attribute("href") is { } address:
                return [new XElement("a", new XAttribute("href", address.Value), element.Value.Length > 0 ? element.Value : address.Value)];
            case "paramref" or "typeparamref":
                return [new XElement("code", element.Attribute("name")!.Value)];
            case "c":
                return [new XElement("code", element.Value)];
            case "code":
                return [new XElement("pre", element.Value.Trim('\n'))];
            case "para":
                return [new XElement("p", Convert(element, description))];
            case "list":
                return [new XElement("ul", element.Elements("item").Select(item => new XElement("li", Convert(item.Element("description") ?? item, description))))];
            case "b" or "i" or "em" or "strong":
                return [new XElement(element.Name.LocalName, Convert(element, description))];
            default:
                Problems.Add($"{NameOf(description)}: <{element.Name.LocalName}> is not known here");
                return Convert(element, description);
        }
    }

    private XElement Reference(string id, string text, XElement description)
    {
        string name = text.Length > 0 ? text : ShortName(id);
        if (model.AddressOf(id) is { } address)
        {
            return new XElement("a", new XAttribute("href", address), new XElement("code", name));
        }

        if (IsOfTheLibrary(id))
        {
            string path = id[2..].Split('(')[0].Replace('`', '-').Replace("#ctor", "-ctor", StringComparison.Ordinal);
            return new XElement("a", new XAttribute("href", Library + path.ToLowerInvariant()), new XElement("code", name));
        }

        Problems.Add($"{NameOf(description)}: refers to {id}, which is not public");
        return new XElement("code", name);
    }

    /// <summary>What a member says that takes its description from .NET's own libraries.</summary>
    private static XElement? Borrowed(MemberInfo member) => Ancestors(member).FirstOrDefault() is { } ancestor
        ? new XElement(
            "member",
            new XAttribute("name", DocumentationId.Of(member)),
            new XElement("summary", "See ", new XElement("see", new XAttribute("cref", DocumentationId.Of(ancestor))), "."))
        : null;

    /// <summary>What a member overrides or implements.</summary>
    private static IEnumerable<MemberInfo> Ancestors(MemberInfo member)
    {
        Type type = member as Type ?? member.DeclaringType!;
        IEnumerable<Type> parents = Chain(type.BaseType).Concat(type.GetInterfaces());
        return member is Type ? parents : parents.SelectMany(parent => Definition(parent).GetMember(member.Name, member.MemberType, BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance))
            .Where(candidate => candidate is not MethodInfo method || HasSameParameters(method, (MethodInfo)member));
    }

    private static IEnumerable<Type> Chain(Type? type)
    {
        for (; type is not null; type = type.BaseType)
        {
            yield return type;
        }
    }

    private static Type Definition(Type type) => type.IsConstructedGenericType ? type.GetGenericTypeDefinition() : type;

    private static bool HasSameParameters(MethodInfo one, MethodInfo other) =>
        one.GetParameters().Length == other.GetParameters().Length
        && one.GetParameters().Zip(other.GetParameters()).All(pair =>
            pair.First.ParameterType.IsGenericParameter || pair.First.ParameterType.Name == pair.Second.ParameterType.Name);

    private static bool IsOfTheLibrary(string id) =>
        id.AsSpan(2).StartsWith("System.", StringComparison.Ordinal) || id.AsSpan(2).StartsWith("Microsoft.", StringComparison.Ordinal);

    private static string NameOf(XElement description) => description.Attribute("name")?.Value ?? "?";

    /// <summary>A member's own name, with its type's when it is not a type.</summary>
    private static string ShortName(string id)
    {
        string[] path = [.. id[2..].Split('(')[0].Split('.').Select(part => part.Split('`')[0])];
        return id[0] == 'T' || path.Length < 2 ? path[^1] : path[^1] == "#ctor" ? path[^2] : $"{path[^2]}.{path[^1]}";
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blank();
}
