using System.Globalization;
using System.Reflection;

namespace XeSvm.ApiReference;

/// <summary>The names by which the compiler's documentation files know types and members ("Documentation comments" of the C# specification, annex D).</summary>
internal static class DocumentationId
{
    /// <summary>The name of a type or member.</summary>
    internal static string Of(MemberInfo member) => member switch
    {
        Type type => "T:" + Name(type),
        EventInfo => "E:" + Path(member),
        FieldInfo => "F:" + Path(member),
        PropertyInfo property => "P:" + Path(member) + Parameters(property.GetIndexParameters()),
        ConstructorInfo constructor => $"M:{Name(constructor.DeclaringType!)}.#ctor{Parameters(constructor.GetParameters())}",
        MethodInfo method => "M:" + Path(member) + Arity(method) + Parameters(method.GetParameters()) +
            (method.Name is "op_Implicit" or "op_Explicit" ? "~" + Parameter(method.ReturnType) : ""),
        _ => throw new ArgumentOutOfRangeException(nameof(member), member.MemberType, "Not a member that can be described."),
    };

    private static string Path(MemberInfo member) =>
        $"{Name(member.DeclaringType!)}.{member.Name.Replace('.', '#')}";

    private static string Name(Type type) => (type.FullName ?? $"{type.Namespace}.{type.Name}").Replace('+', '.');

    private static string Arity(MethodInfo method) =>
        method.IsGenericMethodDefinition ? string.Create(CultureInfo.InvariantCulture, $"``{method.GetGenericArguments().Length}") : "";

    private static string Parameters(ParameterInfo[] parameters) =>
        parameters.Length == 0 ? "" : $"({string.Join(',', parameters.Select(parameter => Parameter(parameter.ParameterType)))})";

    private static string Parameter(Type type)
    {
        if (type.IsGenericParameter)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{(type.DeclaringMethod is null ? "`" : "``")}{type.GenericParameterPosition}");
        }

        if (type.HasElementType)
        {
            return Parameter(type.GetElementType()!) + (type.IsByRef ? "@" : type.IsPointer ? "*" : "[]");
        }

        if (!type.IsConstructedGenericType)
        {
            return Name(type);
        }

        string name = Name(type.GetGenericTypeDefinition());
        return $"{name[..name.LastIndexOf('`')]}{{{string.Join(',', type.GetGenericArguments().Select(Parameter))}}}";
    }
}
