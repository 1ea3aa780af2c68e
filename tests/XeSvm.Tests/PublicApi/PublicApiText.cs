using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using XeSvm.ApiReference;

namespace XeSvm.Tests.PublicApi;

/// <summary>Writes what an assembly shows to its users, one line for each type and member, in an order that depends on names only.</summary>
internal static class PublicApiText
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly NullabilityInfoContext _nullability = new();

    public static string Of(Assembly assembly)
    {
        StringBuilder text = new();
        foreach (Type type in assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal))
        {
            text.Append(Head(type)).Append('\n');
            foreach (string member in Members(type).Order(StringComparer.Ordinal))
            {
                text.Append("    ").Append(member).Append('\n');
            }
        }

        return text.ToString();
    }

    private static string Head(Type type)
    {
        string kind = type.IsEnum ? $"enum : {Name(type.GetEnumUnderlyingType())}"
            : type.IsInterface ? "interface"
            : type.IsValueType ? (type.IsDefined(typeof(IsReadOnlyAttribute), inherit: false) ? "readonly " : "") +
                (type.IsByRefLike ? "ref struct" : "struct")
            : typeof(Delegate).IsAssignableFrom(type) ? "delegate"
            : (type.IsAbstract && type.IsSealed ? "static " : type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : "") + "class";
        IEnumerable<string> bases = type.IsEnum ? []
            : (type.BaseType is { } parent && parent != typeof(object) && parent != typeof(ValueType) ? [Name(parent)] : Array.Empty<string>())
                .Concat(type.GetInterfaces().Where(item => item.IsVisible).Select(Name).Order(StringComparer.Ordinal));
        string list = string.Join(", ", bases);
        return $"{Name(type)} {kind}{(list.Length == 0 ? "" : " : " + list)}";
    }

    private static IEnumerable<string> Members(Type type)
    {
        foreach (FieldInfo field in type.GetFields(Declared).Where(field => (field.IsPublic || IsForHeirs(field)) && !field.IsSpecialName))
        {
            yield return field.IsLiteral
                ? $"{field.Name} = {Convert.ToString(field.GetRawConstantValue(), CultureInfo.InvariantCulture)}" +
                    (type.IsEnum ? "" : $" : {Name(field.FieldType)}")
                : $"{Modifiers(field.IsStatic, field.IsFamily || field.IsFamilyOrAssembly)}{(field.IsInitOnly ? "readonly " : "")}{field.Name} : {Name(field.FieldType)}";
        }

        foreach (ConstructorInfo constructor in type.GetConstructors(Declared).Where(IsShown))
        {
            yield return $"{Modifiers(constructor)}.ctor({Parameters(constructor)})";
        }

        foreach (PropertyInfo property in type.GetProperties(Declared))
        {
            if (PropertyLine(property) is { } line)
            {
                yield return line;
            }
        }

        foreach (EventInfo happening in type.GetEvents(Declared).Where(happening => IsShown(happening.AddMethod!)))
        {
            yield return $"{Modifiers(happening.AddMethod!)}event {happening.Name} : {Name(happening.EventHandlerType!)}";
        }

        foreach (MethodInfo method in type.GetMethods(Declared).Where(method => IsShown(method) && !IsAccessor(method)))
        {
            string generic = method.IsGenericMethodDefinition ? $"<{string.Join(", ", method.GetGenericArguments().Select(Name))}>" : "";
            yield return $"{Modifiers(method)}{method.Name}{generic}({Parameters(method)}) : {Nullable(Name(method.ReturnType), method.ReturnParameter)}";
        }
    }

    private static string? PropertyLine(PropertyInfo property)
    {
        MethodInfo? get = property.GetMethod is { } getter && IsShown(getter) ? getter : null;
        MethodInfo? set = property.SetMethod is { } setter && IsShown(setter) ? setter : null;
        if ((get ?? set) is not { } shown)
        {
            return null;
        }

        bool init = set?.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) == true;
        bool required = property.IsDefined(typeof(RequiredMemberAttribute), inherit: false);
        string accessors = (get is null ? "" : "get; ") + (set is null ? "" : init ? "init; " : "set; ");
        string index = property.GetIndexParameters() is { Length: > 0 } indexes
            ? $"[{string.Join(", ", indexes.Select(item => $"{Name(item.ParameterType)} {item.Name}"))}]"
            : "";
        NullabilityState state = _nullability.Create(property).ReadState;
        string mark = state == NullabilityState.Nullable && !property.PropertyType.IsValueType ? "?" : "";
        return $"{Modifiers(shown)}{(required ? "required " : "")}{property.Name}{index} {{ {accessors}}} : {Name(property.PropertyType)}{mark}";
    }

    private static bool IsAccessor(MethodInfo method) =>
        method.IsSpecialName && !method.Name.StartsWith("op_", StringComparison.Ordinal);

    private static bool IsShown(MethodBase method) =>
        (method.IsPublic || ((method.IsFamily || method.IsFamilyOrAssembly) && !method.DeclaringType!.IsSealed))
        && !method.Name.Contains('<', StringComparison.Ordinal);

    private static bool IsForHeirs(FieldInfo field) => (field.IsFamily || field.IsFamilyOrAssembly) && !field.DeclaringType!.IsSealed;

    private static string Modifiers(MethodBase method) =>
        Modifiers(method.IsStatic, method.IsFamily || method.IsFamilyOrAssembly) +
        (method.IsAbstract && !method.DeclaringType!.IsInterface ? "abstract "
            : method.IsVirtual && !method.IsFinal && !method.DeclaringType!.IsInterface
                ? (method is MethodInfo info && info.GetBaseDefinition() != info ? "override " : "virtual ")
                : "");

    private static string Modifiers(bool isStatic, bool isProtected) => (isProtected ? "protected " : "") + (isStatic ? "static " : "");

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo parameter)
    {
        string way = parameter.IsOut ? "out " : parameter.ParameterType.IsByRef ? (parameter.IsIn ? "in " : "ref ") : "";
        bool many = parameter.IsDefined(typeof(ParamArrayAttribute), inherit: false) || parameter.IsDefined(typeof(ParamCollectionAttribute), inherit: false);
        string value = !parameter.HasDefaultValue ? ""
            : $" = {(parameter.RawDefaultValue is null ? "default" : Convert.ToString(parameter.RawDefaultValue, CultureInfo.InvariantCulture))}";
        return $"{(many ? "params " : "")}{way}{Nullable(Name(parameter.ParameterType), parameter)} {parameter.Name}{value}";
    }

    private static string Nullable(string name, ParameterInfo parameter) =>
        !(parameter.ParameterType.IsByRef ? parameter.ParameterType.GetElementType()! : parameter.ParameterType).IsValueType
            && _nullability.Create(parameter) is { } state && (state.WriteState == NullabilityState.Nullable || state.ReadState == NullabilityState.Nullable)
            ? name + "?" : name;

    private static string Name(Type type)
    {
        if (type.IsByRef)
        {
            return Name(type.GetElementType()!);
        }

        if (type.IsPointer)
        {
            return Name(type.GetElementType()!) + "*";
        }

        if (type.IsArray)
        {
            return Name(type.GetElementType()!) + "[]";
        }

        if (System.Nullable.GetUnderlyingType(type) is { } inner)
        {
            return Name(inner) + "?";
        }

        if (CSharpKeywords.ByType.TryGetValue(type, out string? keyword))
        {
            return keyword;
        }

        string name = type.IsGenericParameter ? type.Name
            : type.DeclaringType is { } owner ? $"{Name(owner)}.{type.Name}"
            : type.Namespace is null or "System" ? type.Name : $"{type.Namespace}.{type.Name}";
        int tick = name.IndexOf('`', StringComparison.Ordinal);
        return tick < 0 ? name : $"{name[..tick]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>";
    }
}
