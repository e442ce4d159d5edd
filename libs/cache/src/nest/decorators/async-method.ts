/** A method the decorators accept: it returns a promise. */
export type AsyncMethod = (...args: any[]) => Promise<any>;
