using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace XeSvm.ApiReference;

/// <summary>Types and members as C# declares them, with links to the pages of the types that they name.</summary>
internal sealed class Declarations(ApiModel model)
{
    private static readonly Dictionary<string, string> s_operators = new(StringComparer.Ordinal)
    {
        ["op_Equality"] = "operator ==",
        ["op_Inequality"] = "operator !=",
        ["op_LessThan"] = "operator <",
        ["op_GreaterThan"] = "operator >",
        ["op_LessThanOrEqual"] = "operator <=",
        ["op_GreaterThanOrEqual"] = "operator >=",
        ["op_Addition"] = "operator +",
        ["op_Subtraction"] = "operator -",
        ["op_Implicit"] = "implicit operator",
        ["op_Explicit"] = "explicit operator",
    };

    private readonly TypeReferences _types = new(model);

    /// <summary>The name of a type or member without what it belongs to.</summary>
    internal static string NameOf(MemberInfo member) => member switch
    {
        Type type => TypeReferences.TextOf(type),
        ConstructorInfo => TypeReferences.TextOf(member.DeclaringType!),
        MethodInfo method when s_operators.TryGetValue(method.Name, out string? name) => name,
        MethodInfo { IsGenericMethodDefinition: true } method => $"{method.Name}<{string.Join(", ", method.GetGenericArguments().Select(argument => argument.Name))}>",
        PropertyInfo property when property.GetIndexParameters().Length > 0 => "this[]",
        _ => member.Name,
    };

    /// <summary>The declaration.</summary>
    internal object[] Of(MemberInfo member) => member switch
    {
        Type type => OfType(type),
        FieldInfo { DeclaringType.IsEnum: true } value => [$"{value.Name} = {ValueOf(value.GetRawConstantValue())}"],
        FieldInfo field =>
        [
            field.IsLiteral ? "public const " : $"{Access(field.IsPublic)}{(field.IsStatic ? "static " : "")}{(field.IsInitOnly ? "readonly " : "")}",
            .. _types.Of(field.FieldType, TypeReferences.Of(field)), $" {field.Name}",
            field.IsLiteral ? $" = {ValueOf(field.GetRawConstantValue())}" : "",
        ],
        EventInfo happening => ["public event ", .. _types.Of(happening.EventHandlerType!, TypeReferences.Of(happening)), $" {happening.Name}"],
        PropertyInfo property => OfProperty(property),
        ConstructorInfo constructor => [Access(constructor.IsPublic), NameOf(constructor).Split('<')[0], .. Parameters(constructor.GetParameters(), '(', ')')],
        MethodInfo method =>
        [
            Modifiers(method), method.ReturnType.IsByRef ? "ref " : "", .. _types.Of(method.ReturnType, TypeReferences.Of(method.ReturnParameter)), $" {NameOf(method)}",
            .. Parameters(method.GetParameters(), '(', ')'), Constraints(method.GetGenericArguments()),
        ],
        _ => [],
    };

    private object[] OfType(Type type)
    {
        if (typeof(Delegate).IsAssignableFrom(type))
        {
            MethodInfo invoke = type.GetMethod("Invoke")!;
            return ["public delegate ", .. _types.Of(invoke.ReturnType, null), $" {NameOf(type)}", .. Parameters(invoke.GetParameters(), '(', ')')];
        }

        string kind = type.IsEnum ? "enum"
            : type.IsInterface ? "interface"
            : type.IsValueType ? (type.IsDefined(typeof(IsReadOnlyAttribute), inherit: false) ? "readonly " : "") + (type.IsByRefLike ? "ref struct" : IsRecord(type) ? "record struct" : "struct")
            : (type.IsAbstract && type.IsSealed ? "static " : type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : "") + (IsRecord(type) ? "record" : "class");
        List<object> declaration = [$"public {kind} {NameOf(type)}"];
        string separator = " : ";
        foreach (Type parent in Parents(type))
        {
            declaration.Add(separator);
            declaration.AddRange(_types.Of(parent, null));
            separator = ", ";
        }

        declaration.Add(Constraints(type.GetGenericArguments()));
        return [.. declaration];
    }

    private static IEnumerable<Type> Parents(Type type)
    {
        if (type.IsEnum)
        {
            return Enum.GetUnderlyingType(type) == typeof(int) ? [] : [Enum.GetUnderlyingType(type)];
        }

        IEnumerable<Type> bases = type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) ? [parent] : [];
        return bases.Concat(type.GetInterfaces().Where(face => face.IsVisible && !(type.BaseType?.GetInterfaces().Contains(face) ?? false))
            .OrderBy(face => face.Name, StringComparer.Ordinal));
    }

    private object[] OfProperty(PropertyInfo property)
    {
        MethodInfo[] shown = [.. property.GetAccessors(nonPublic: true).Where(accessor => accessor.IsPublic || accessor.IsFamily || accessor.IsFamilyOrAssembly)];
        bool init = property.SetMethod?.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) == true;
        string accessors = string.Concat(shown.OrderBy(accessor => accessor == property.SetMethod)
            .Select(accessor => accessor == property.GetMethod ? "get; " : init ? "init; " : "set; "));
        string required = property.IsDefined(typeof(RequiredMemberAttribute), inherit: false) ? "required " : "";
        object[] name = property.GetIndexParameters() is { Length: > 0 } indexes ? ["this", .. Parameters(indexes, '[', ']')] : [property.Name];
        return [Modifiers(shown[0]), required, property.PropertyType.IsByRef ? "ref " : "", .. _types.Of(property.PropertyType, TypeReferences.Of(property)), " ", .. name, $" {{ {accessors}}}"];
    }

    private IEnumerable<object> Parameters(ParameterInfo[] parameters, char open, char close)
    {
        yield return open.ToString();
        for (int index = 0; index < parameters.Length; index++)
        {
            ParameterInfo parameter = parameters[index];
            string way = parameter.IsOut ? "out " : parameter.ParameterType.IsByRef ? (parameter.IsIn ? "in " : "ref ") : "";
            bool many = parameter.IsDefined(typeof(ParamArrayAttribute), inherit: false) || parameter.IsDefined(typeof(ParamCollectionAttribute), inherit: false);
            string extends = index == 0 && parameter.Member.IsDefined(typeof(ExtensionAttribute), inherit: false) ? "this " : "";
            yield return $"{(index == 0 ? "" : ", ")}{extends}{(many ? "params " : "")}{way}";
            foreach (object part in _types.Of(parameter.ParameterType, TypeReferences.Of(parameter)))
            {
                yield return part;
            }

            yield return $" {parameter.Name}{(parameter.HasDefaultValue ? " = " + DefaultOf(parameter) : "")}";
        }

        yield return close.ToString();
    }

    private static string DefaultOf(ParameterInfo parameter) => parameter.RawDefaultValue is not { } value
        ? parameter.ParameterType.IsValueType && Nullable.GetUnderlyingType(parameter.ParameterType) is null ? "default" : "null"
        : (Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType) is { IsEnum: true } type
            ? $"{type.Name}.{Enum.ToObject(type, value)}"
            : ValueOf(value);

    private static string ValueOf(object? value) => value switch
    {
        null => "null",
        bool flag => flag ? "true" : "false",
        string text => $"\"{text}\"",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Modifiers(MethodInfo method) => method.DeclaringType!.IsInterface ? "" :
        Access(method.IsPublic) + (method.IsStatic ? "static " : "") +
        (method.IsAbstract ? "abstract " : method.IsVirtual && !method.IsFinal ? (method.GetBaseDefinition() == method ? "virtual " : "override ") : "");

    private static string Access(bool isPublic) => isPublic ? "public " : "protected ";

    private static string Constraints(Type[] arguments) => string.Concat(arguments.Where(argument => argument.IsGenericParameter).Select(argument =>
        argument.GetCustomAttributesData().Any(attribute => attribute.AttributeType.Name == "IsUnmanagedAttribute") ? $" where {argument.Name} : unmanaged"
        : argument.GenericParameterAttributes.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint) ? $" where {argument.Name} : class"
        : argument.GenericParameterAttributes.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint) ? $" where {argument.Name} : struct" : ""));

    private static bool IsRecord(Type type) =>
        type.GetMethod("PrintMembers", BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)?.IsDefined(typeof(CompilerGeneratedAttribute)) == true;
}
