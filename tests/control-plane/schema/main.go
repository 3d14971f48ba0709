// Command schema reduces the published OpenAPI description of Kubernetes to the facts that the sandbox needs.
//
// It reads the files of k8s.io/kubernetes/api/openapi-spec/v3 (the folder is the only argument) and writes one JSON
// document to standard output: the definitions that the wanted kinds reach, without prose, and for every property how
// the Go type of the server writes it when it is unset ("go": o, p, n or z; see src/sandbox/fields/schema.rs).
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	registration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// The group versions that the sandbox serves.
var files = []string{
	"api__v1", "apis__admissionregistration.k8s.io__v1", "apis__apiextensions.k8s.io__v1",
	"apis__apiregistration.k8s.io__v1", "apis__apps__v1", "apis__authentication.k8s.io__v1",
	"apis__authorization.k8s.io__v1", "apis__autoscaling__v1", "apis__autoscaling__v2", "apis__batch__v1",
	"apis__certificates.k8s.io__v1", "apis__coordination.k8s.io__v1", "apis__discovery.k8s.io__v1",
	"apis__events.k8s.io__v1", "apis__flowcontrol.apiserver.k8s.io__v1", "apis__networking.k8s.io__v1",
	"apis__node.k8s.io__v1", "apis__policy__v1", "apis__rbac.authorization.k8s.io__v1",
	"apis__scheduling.k8s.io__v1", "apis__storage.k8s.io__v1",
}

type object = map[string]any

// kept are the facts of a schema that are carried over, by their published and their short name.
var kept = map[string]string{
	"type": "type", "format": "format", "required": "required", "enum": "enum",
	"x-kubernetes-list-type": "list", "x-kubernetes-list-map-keys": "keys", "x-kubernetes-map-type": "map",
	"x-kubernetes-patch-strategy": "patch", "x-kubernetes-patch-merge-key": "merge",
	"x-kubernetes-int-or-string": "intOrString", "x-kubernetes-preserve-unknown-fields": "open",
}

func main() {
	all, kinds := read(os.Args[1])
	known := scheme.Scheme
	fail(extensions.AddToScheme(known))
	fail(registration.AddToScheme(known))
	out := reducer{all: all, definitions: object{}, types: map[string]reflect.Type{}}
	index := object{}
	for gvk, name := range kinds {
		served, ok := known.AllKnownTypes()[gvk]
		if !ok || strings.HasSuffix(gvk.Kind, "List") || strings.HasSuffix(gvk.Kind, "Options") || gvk.Kind == "WatchEvent" {
			continue
		}
		index[gvk.GroupVersion().String()+"/"+gvk.Kind] = name
		out.define(name, served)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	fail(encoder.Encode(object{"kinds": index, "definitions": out.definitions}))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// read collects all definitions and the kinds that carry a group, version and kind of their own.
func read(folder string) (object, map[schema.GroupVersionKind]string) {
	all, kinds := object{}, map[schema.GroupVersionKind]string{}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(folder, file+"_openapi.json"))
		fail(err)
		var document struct {
			Components struct{ Schemas object }
		}
		fail(json.Unmarshal(data, &document))
		for name, definition := range document.Components.Schemas {
			all[name] = definition
			list, _ := definition.(object)["x-kubernetes-group-version-kind"].([]any)
			for _, entry := range list {
				text := func(key string) string { return entry.(object)[key].(string) }
				kinds[schema.GroupVersionKind{Group: text("group"), Version: text("version"), Kind: text("kind")}] = name
			}
		}
	}
	return all, kinds
}

type reducer struct {
	all, definitions object
	types            map[string]reflect.Type
}

func (r *reducer) define(name string, served reflect.Type) {
	if _, done := r.definitions[name]; done {
		return
	}
	r.definitions[name] = object{}
	r.definitions[name] = r.reduce(r.all[name].(object), served)
}

// reduce carries one schema over; served is the Go type behind it, or nil where that is no structure.
func (r *reducer) reduce(from object, served reflect.Type) object {
	to := object{}
	for published, short := range kept {
		if value, ok := from[published]; ok {
			to[short] = value
		}
	}
	if value, ok := from["default"]; ok && !trivial(value) {
		to["default"] = value
	}
	for served != nil && served.Kind() == reflect.Pointer {
		served = served.Elem()
	}
	if name := reference(from); name != "" {
		to["ref"] = name
		r.define(name, served)
	}
	if items, ok := from["items"].(object); ok {
		to["items"] = r.reduce(items, element(served))
	}
	if values, ok := from["additionalProperties"].(object); ok {
		to["values"] = r.reduce(values, element(served))
	}
	properties, _ := from["properties"].(object)
	if len(properties) > 0 {
		members, fields := fieldsOf(served), object{}
		for name, property := range properties {
			member, ok := members[name]
			if !ok {
				fields[name] = r.reduce(property.(object), nil)
				continue
			}
			field := r.reduce(property.(object), member.Type)
			field["go"] = unset(member)
			fields[name] = field
		}
		to["fields"] = fields
	}
	return to
}

// trivial reports the default of a structure that is always written.
func trivial(value any) bool {
	members, ok := value.(object)
	return ok && len(members) == 0
}

func reference(from object) string {
	text, _ := from["$ref"].(string)
	if all, ok := from["allOf"].([]any); ok && len(all) == 1 {
		text, _ = all[0].(object)["$ref"].(string)
	}
	return strings.TrimPrefix(text, "#/components/schemas/")
}

func element(served reflect.Type) reflect.Type {
	if served != nil && (served.Kind() == reflect.Slice || served.Kind() == reflect.Map) {
		return served.Elem()
	}
	return nil
}

// fieldsOf lists the fields of a structure by their JSON names, inlined ones included.
func fieldsOf(served reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	if served == nil || served.Kind() != reflect.Struct {
		return fields
	}
	for i := 0; i < served.NumField(); i++ {
		field := served.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" && (strings.Contains(options, "inline") || field.Anonymous) {
			inner := field.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			for key, value := range fieldsOf(inner) {
				fields[key] = value
			}
			continue
		}
		if name != "-" && name != "" {
			fields[name] = field
		}
	}
	return fields
}

// unset tells how a field is written: o = left out when empty, p = left out when nil, n = null when nil, z = its zero.
func unset(field reflect.StructField) string {
	_, options, _ := strings.Cut(field.Tag.Get("json"), ",")
	empty, zero := strings.Contains(options, "omitempty"), strings.Contains(options, "omitzero")
	switch field.Type.Kind() {
	case reflect.Pointer, reflect.Interface:
		if empty || zero {
			return "p"
		}
		return "n"
	case reflect.Slice, reflect.Map:
		if empty {
			return "o"
		}
		return "n"
	case reflect.Struct:
		if zero {
			return "o"
		}
		switch field.Type {
		case reflect.TypeOf(meta.Time{}), reflect.TypeOf(meta.MicroTime{}), reflect.TypeOf(runtime.RawExtension{}):
			return "n"
		}
		return "z"
	}
	if empty || zero {
		return "o"
	}
	return "z"
}

