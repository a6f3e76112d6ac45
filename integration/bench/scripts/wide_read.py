root = {"id": this["id"], "country": this["country"]}
