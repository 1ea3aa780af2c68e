using System.Reflection;
using System.Xml.Linq;

namespace XeSvm.ApiReference;

/// <summary>Types where declarations name them: as C# writes them, with links to their pages.</summary>
internal sealed class TypeReferences(ApiModel model)
{
    private static readonly NullabilityInfoContext s_nullability = new();

    /// <summary>What may be null in the type of a member or parameter.</summary>
    internal static NullabilityInfo Of(FieldInfo field) => s_nullability.Create(field);

    /// <inheritdoc cref="Of(FieldInfo)"/>
    internal static NullabilityInfo Of(PropertyInfo property) => s_nullability.Create(property);

    /// <inheritdoc cref="Of(FieldInfo)"/>
    internal static NullabilityInfo Of(EventInfo happening) => s_nullability.Create(happening);

    /// <inheritdoc cref="Of(FieldInfo)"/>
    internal static NullabilityInfo Of(ParameterInfo parameter) => s_nullability.Create(parameter);

    /// <summary>A type's name as text, with the types that it is nested in.</summary>
    internal static string TextOf(Type type)
    {
        if (CSharpKeywords.ByType.TryGetValue(type, out string? keyword))
        {
            return keyword;
        }

        string name = type.Name.Split('`')[0];
        string owner = type.DeclaringType is { } outer && !type.IsGenericParameter ? TextOf(outer) + "." : "";
        return type.IsGenericTypeDefinition ? $"{owner}{name}<{string.Join(", ", type.GetGenericArguments().Select(argument => argument.Name))}>" : owner + name;
    }

    /// <summary>A type as text and links.</summary>
    internal IEnumerable<object> Of(Type type, NullabilityInfo? nullability)
    {
        if (type.IsByRef)
        {
            return Of(type.GetElementType()!, nullability); // how it is passed stands before the type already
        }

        string mark = !type.IsValueType && (nullability?.ReadState == NullabilityState.Nullable || nullability?.WriteState == NullabilityState.Nullable) ? "?" : "";
        if (type.IsPointer)
        {
            return [.. Of(type.GetElementType()!, null), "*"];
        }

        if (type.IsArray)
        {
            return [.. Of(type.GetElementType()!, nullability?.ElementType), "[]" + mark];
        }

        if (Nullable.GetUnderlyingType(type) is { } inner)
        {
            return [.. Of(inner, null), "?"];
        }

        return type.IsConstructedGenericType
            ? [Link(type.GetGenericTypeDefinition(), type.Name.Split('`')[0]), "<", .. Arguments(type, nullability), ">" + mark]
            : [Link(type, TextOf(type)), mark];
    }

    private IEnumerable<object> Arguments(Type type, NullabilityInfo? nullability)
    {
        Type[] arguments = type.GetGenericArguments();
        return arguments.SelectMany((argument, index) => (object[])
        [
            index == 0 ? "" : ", ",
            .. Of(argument, nullability?.GenericTypeArguments.Length == arguments.Length ? nullability.GenericTypeArguments[index] : null),
        ]);
    }

    private object Link(Type type, string text) =>
        !type.IsGenericParameter && model.AddressOf(DocumentationId.Of(type)) is { } address ? new XElement("a", new XAttribute("href", address), text) : text;
}
