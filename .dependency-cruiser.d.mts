export const MAY_IMPORT: Readonly<Record<string, readonly string[]>>;
export const MAY_USE: Readonly<Record<string, readonly string[]>>;
declare const config: { readonly forbidden: readonly { readonly name: string }[]; readonly options: object };
export default config;
